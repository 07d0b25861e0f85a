/** What is done to a stack. Each fault undoes itself before it resolves. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isRunning } from '../../e2e/harness.js';
import type { Chance } from './chance.js';
import { snapshotOf } from './invariants.js';

export interface Fault {
  name: string;
  /** Times it may happen in one run; absent = as often as it comes. */
  most?: number;
  run(chance: Chance): Promise<void>;
}

async function pidOf(stack: { url: string }, chance: Chance): Promise<number | null> {
  const { workers } = await snapshotOf(stack);
  return chance.of(workers).pid;
}

function signal(pid: number | null, name: NodeJS.Signals): void {
  if (pid !== null && isRunning(pid)) process.kill(pid, name);
}

/** The supervisor gives up on a worker that dies too often, as it should: so many deaths must not be enough for that. */
const DEATHS_MAX = 5;

export function workerFaults(stack: { url: string }): Fault[] {
  return [
    {
      name: 'kill -9',
      most: DEATHS_MAX,
      run: async (chance) => signal(await pidOf(stack, chance), 'SIGKILL'),
    },
    {
      name: 'stop and continue',
      run: async (chance) => {
        const pid = await pidOf(stack, chance);
        signal(pid, 'SIGSTOP');
        await sleep(chance.whole(100, 1_500));
        signal(pid, 'SIGCONT');
      },
    },
    {
      name: 'stop and kill',
      most: 1,
      run: async (chance) => {
        const pid = await pidOf(stack, chance);
        signal(pid, 'SIGSTOP');
        await sleep(chance.whole(50, 500));
        signal(pid, 'SIGKILL');
      },
    },
  ];
}

/** Faults one after the other until the time is over; how often each came. */
export async function inflict(
  faults: readonly Fault[],
  chance: Chance,
  { ms, pauseMs }: { ms: number; pauseMs: number },
): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  const end = Date.now() + ms;
  while (Date.now() < end) {
    await sleep(chance.whole(pauseMs / 4, pauseMs * 2));
    const left = faults.filter(({ name, most }) => (counts[name] ?? 0) < (most ?? Number.POSITIVE_INFINITY));
    const fault = chance.of(left);
    counts[fault.name] = (counts[fault.name] ?? 0) + 1;
    await fault.run(chance);
  }
  return counts;
}
