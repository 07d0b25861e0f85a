/** Ending a process group at once without leaving behind what its processes shared. */
import { allPids, processFacts } from './process-facts.js';

/**
 * Kills every process of the group but Python's resource trackers: those remove the semaphores and the shared memory
 * of the ones that were killed, then end by themselves. Killed with them they leave files in /dev/shm for ever. Answers
 * whether there was anything to kill.
 */
export function killGroup(group: number): boolean {
  const members = allPids().filter((pid) => processFacts(pid)?.group === group);
  if (!members.some(isTracker)) return killNow(-group);
  return members.filter((pid) => !isTracker(pid) && killNow(pid)).length > 0;
}

/** Whether a tracker of the group still cleans up. */
export const hasTracker = (group: number): boolean =>
  allPids().some((pid) => {
    const facts = processFacts(pid);
    return facts?.group === group && !facts.isZombie && isTracker(pid);
  });

/** The process that Python's `multiprocessing` starts beside others to clean up after them. */
export function isTracker(pid: number): boolean {
  return processFacts(pid)?.commandLine.includes('multiprocessing.resource_tracker import main') === true;
}

/** False when it ended in between, or belongs to another user. A negative number is a group. */
export function killNow(pid: number): boolean {
  try {
    process.kill(pid, 'SIGKILL');
    return true;
  } catch {
    return false;
  }
}
