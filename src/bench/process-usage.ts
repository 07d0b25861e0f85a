/** What another process has used, as Linux tells it. Null where the system does not. */
import { readdirSync, readFileSync } from 'node:fs';

/** Linux counts CPU time in hundredths of a second where it gives no finer figure. */
const TICKS_PER_SECOND = 100;
const PAGE_BYTES = 4_096;

/**
 * Seconds of CPU, user and system, of all threads of a process. The scheduler's nanoseconds where the kernel has them:
 * a short measurement is only a few hundredths long.
 */
export function cpuSeconds(pid: number): number | null {
  return scheduledSeconds(pid) ?? tickSeconds(pid);
}

/** Bytes of memory the process holds. */
export function residentBytes(pid: number): number | null {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * PAGE_BYTES;
  } catch {
    return null;
  }
}

/** Open descriptors of the process. */
export function descriptors(pid: number): number | null {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return null;
  }
}

/** Threads that ended are missing from the sum; ours live as long as their process. */
function scheduledSeconds(pid: number): number | null {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    const nanoseconds = threads.map((thread) => schedstat(`/proc/${pid}/task/${thread}/schedstat`));
    const sum = nanoseconds.reduce((total, value) => total + value, 0);
    return sum > 0 ? sum / 1e9 : null;
  } catch {
    return null;
  }
}

const schedstat = (file: string): number => Number(readFileSync(file, 'utf8').split(' ')[0]);

/** Fields 14 and 15 of /proc/PID/stat, after the command in parentheses. */
function tickSeconds(pid: number): number | null {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  } catch {
    return null;
  }
}
