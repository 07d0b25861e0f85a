/** Killing workers that outlived their stack: a `kill -9` gives nobody the time to stop them. */
import { isTracker, killGroup, killNow } from './kill-group.js';
import { allPids, environmentOf, type ProcessFacts, processFacts } from './process-facts.js';
import type { ProcessEntry } from './types.js';

/** Variable in every worker's environment, inherited by whatever it forks. */
export const MARK_VARIABLE = 'DYNAMO_WORKER';

type Leftover = Pick<ProcessEntry, 'pid' | 'startTime' | 'commandLine' | 'mark'>;

/**
 * Kills every process of `entries` that still runs, with its group, and what it forked (found by its mark). Only
 * what matches in pid, start time and command line (or mark): a pid alone may be somebody else's by now. Answers
 * the pids that were killed. Does nothing without /proc.
 */
export function reapLeftovers(entries: Leftover[]): number[] {
  const killed = entries.filter(isOurs).flatMap(({ pid }) => killWithGroup(pid));
  const marks = new Set(entries.flatMap(({ mark }) => mark ?? []));
  return [...killed, ...killMarked(marks, new Set(killed))];
}

/** Pids that `reapLeftovers` would kill, what they forked included. Kills nothing. */
export function findLeftovers(entries: Leftover[]): number[] {
  const own = entries.filter(isOurs).map(({ pid }) => pid);
  const marks = new Set(entries.flatMap(({ mark }) => mark ?? []));
  return [...new Set([...own, ...markedPids(marks)])];
}

function isOurs(entry: Leftover): boolean {
  const facts = processFacts(entry.pid);
  if (facts === null || facts.isZombie || facts.startTime !== entry.startTime) return false;
  return isSameCommand(facts, entry.commandLine) || hasMark(entry);
}

/** Scripts show their interpreter in front, so the end of the line is compared too. */
function isSameCommand({ commandLine }: ProcessFacts, recorded: string): boolean {
  const args = recorded.slice(recorded.indexOf(' ') + 1);
  return (
    recorded !== '' && (commandLine === recorded || (args !== recorded && commandLine.endsWith(` ${args}`)))
  );
}

const hasMark = ({ pid, mark }: Leftover): boolean =>
  mark !== undefined && environmentOf(pid, MARK_VARIABLE) === mark;

function killWithGroup(pid: number): number[] {
  const isLeader = processFacts(pid)?.group === pid;
  return (isLeader ? killGroup(pid) : killNow(pid)) ? [pid] : [];
}

/** What a worker forked into another group, or left behind when it died itself; the pids that were killed. */
export function killMarked(marks: ReadonlySet<string>, known: ReadonlySet<number> = new Set()): number[] {
  return markedPids(marks).filter((pid) => !known.has(pid) && !isTracker(pid) && killNow(pid));
}

function markedPids(marks: ReadonlySet<string>): number[] {
  if (marks.size === 0) return [];
  return allPids().filter((pid) => {
    const mark = pid === process.pid ? null : environmentOf(pid, MARK_VARIABLE);
    return mark !== null && marks.has(mark) && processFacts(pid)?.isZombie === false;
  });
}
