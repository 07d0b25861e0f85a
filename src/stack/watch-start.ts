/** The start of a stack as the command that began it shows and remembers it. */
import { stackStateDir } from '../cli/paths.js';
import type { StackSpec } from './spec.js';
import { startBoard } from './start-board.js';
import { type StartLines, startLines } from './start-lines.js';
import { progressed, startOf } from './start-progress.js';
import { keepTimes, lastTimes, startKey, timesOf } from './start-times.js';

export interface StartWatch extends StartLines {
  /** The stack serves: what its parts took is what the next start may expect. */
  keep(totalMs: number): void;
}

export function watchStart(spec: StackSpec, terminal: { isAscii: boolean } | null): StartWatch {
  const dir = stackStateDir(spec.paths, spec.name);
  const key = startKey(spec.plan);
  const now = () => performance.now();
  let start = startOf(
    now(),
    spec.plan.workers.map(({ id }) => id),
  );
  const shown =
    terminal === null
      ? startLines(process.stderr)
      : startBoard(process.stderr, {
          start,
          last: lastTimes(dir, key),
          isAscii: terminal.isAscii,
          now,
          every: (ms, callback) => {
            const timer = setInterval(callback, ms);
            return () => clearInterval(timer);
          },
        });
  return {
    show(message) {
      start = progressed(start, message, now());
      shown.show(message);
    },
    close: () => shown.close(),
    keep: (totalMs) => keepTimes(dir, key, timesOf(start, totalMs)),
  };
}
