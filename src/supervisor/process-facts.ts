/** What the kernel says of a process: enough to tell ours from another one with the same pid. Linux only. */
import { readdirSync, readFileSync } from 'node:fs';

export interface ProcessFacts {
  pid: number;
  /** Clock ticks after boot. */
  startTime: string;
  /** Process group. */
  group: number;
  /** A zombie has ended: it only waits for its parent. */
  isZombie: boolean;
  /** Arguments, one space between. */
  commandLine: string;
}

/** Null when there is no such process, or no /proc to ask. */
export function processFacts(pid: number): ProcessFacts | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name stands in brackets and may hold spaces and brackets itself: fields are counted after the last one.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const commandLine = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
      .replace(/\0+$/, '')
      .replaceAll('\0', ' ');
    return {
      pid,
      startTime: fields[19]!,
      group: Number(fields[2]),
      isZombie: fields[0] === 'Z',
      commandLine,
    };
  } catch {
    return null;
  }
}

/** One variable of a process's environment as it was when it started; null when it may not be read. */
export function environmentOf(pid: number, name: string): string | null {
  try {
    const entries = readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0');
    return entries.find((entry) => entry.startsWith(`${name}=`))?.slice(name.length + 1) ?? null;
  } catch {
    return null;
  }
}

/** Pids of all processes; empty without /proc. */
export function allPids(): number[] {
  try {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  } catch {
    return [];
  }
}
