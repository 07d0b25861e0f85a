/** What must hold of a stack that was through something, once it is quiet. */
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'vitest';
import type { Snapshot } from '../../../src/telemetry/types.js';
import { type Home, isRunning, type RunningStack, until } from '../../e2e/harness.js';

export const snapshotOf = async (stack: { url: string }): Promise<Snapshot> =>
  (await (await fetch(`${stack.url}/dynamo/v1/snapshot`)).json()) as Snapshot;

/** Every worker serves, nothing runs, nothing is booked. */
export async function becomesQuiet(stack: RunningStack): Promise<Snapshot> {
  const looks = ({ workers, requests, stack: { state } }: Snapshot): unknown => ({
    state,
    workers: workers.map(({ id, state: its, active }) => [
      id,
      its,
      active.requests,
      active.prefillTokens,
      active.decodeBlocks,
    ]),
    requests: [requests.active, requests.queued],
  });
  const quiet = (snapshot: Snapshot): boolean =>
    snapshot.stack.state === 'ready' &&
    snapshot.requests.active === 0 &&
    snapshot.workers.every(
      ({ state, active }) =>
        state === 'ready' && active.requests === 0 && active.prefillTokens === 0 && active.decodeBlocks === 0,
    );
  let last = await snapshotOf(stack);
  await until(
    async () => {
      last = await snapshotOf(stack);
      return quiet(last);
    },
    'the stack to be quiet',
    60_000,
  ).catch((error: Error) => {
    throw new Error(`${error.message}; it is ${JSON.stringify(looks(last))}`);
  });
  for (const { pid, id } of last.workers)
    expect(pid === null || isRunning(pid), `${id} is said to run`).toBe(true);
  return last;
}

/** What the router believes of each worker is what that worker then reads from its cache. */
export async function indexIsTrue(
  stack: RunningStack,
  model: string,
  prompts: readonly string[],
): Promise<void> {
  const { workers } = await snapshotOf(stack);
  const wrong: string[] = [];
  for (const { id } of workers) {
    for (const content of prompts) {
      const response = await fetch(`${stack.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'x-dynamo-worker-instance-id': id },
        body: JSON.stringify({ model, messages: [{ role: 'user', content }], max_tokens: 1, temperature: 0 }),
      });
      const { usage } = (await response.json()) as {
        usage: { prompt_tokens_details: { cached_tokens: number } };
      };
      const predicted = Number(response.headers.get('x-dynamo-predicted-tokens'));
      const cached = usage.prompt_tokens_details.cached_tokens;
      if (predicted !== cached) wrong.push(`${id}: ${predicted} predicted, ${cached} cached`);
    }
  }
  expect(wrong).toEqual([]);
}

/** Descriptors of a process, without those that come and go by themselves: connections are told apart. */
export function descriptorsOf(pid: number): { sockets: number; others: number } {
  if (process.platform !== 'linux') return { sockets: 0, others: 0 };
  const counts = { sockets: 0, others: 0 };
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    try {
      if (readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith('socket:')) counts.sockets += 1;
      else counts.others += 1;
    } catch {
      // Closed between the two looks.
    }
  }
  return counts;
}

/** Keep-alive connections to workers and clients may stay for a while; each is one. */
const SOCKETS_SLACK = 40;
const OTHERS_SLACK = 6;

export async function leaksNoDescriptors(
  pid: number,
  before: ReturnType<typeof descriptorsOf>,
): Promise<void> {
  await until(
    () => {
      const now = descriptorsOf(pid);
      return now.sockets <= before.sockets + SOCKETS_SLACK && now.others <= before.others + OTHERS_SLACK;
    },
    `descriptors to come down to ${JSON.stringify(before)}`,
    30_000,
  ).catch((error: Error) => {
    throw new Error(`${error.message}; they are ${JSON.stringify(descriptorsOf(pid))}`);
  });
}

/** `down`, after which there is no process, no socket and no shared memory of the stack. */
export async function leavesNothing(home: Home, stack: RunningStack, name = 'default'): Promise<void> {
  const { stack: facts, workers } = await snapshotOf(stack);
  const pids = [facts.pid, ...workers.flatMap(({ pid }) => pid ?? [])];
  expect(await home.cli('down', '--now', '--name', name)).toMatchObject({ code: 0 });
  await isAllGone(home, pids, name);
}

export async function isAllGone(home: Home, pids: readonly number[], name = 'default'): Promise<void> {
  await until(() => pids.every((pid) => !isRunning(pid)), `pids ${pids.join()} to end`, 30_000);
  const runtime = path.join(home.dir, 'run', name);
  expect(existsSync(runtime) ? readdirSync(runtime) : []).toEqual([]);
}

/** Watches that what status says is so; a process that died may be told as alive for as long as it takes to notice. */
export class StatusWatch {
  readonly lies: string[] = [];
  readonly #stack: { url: string };
  readonly #strikes = new Map<number, number>();
  #timer: NodeJS.Timeout;
  #isLooking = false;

  constructor(stack: { url: string }) {
    this.#stack = stack;
    this.#timer = setInterval(() => void this.#look(), 500);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    const snapshot = await snapshotOf(this.#stack).catch((error: Error) => error);
    this.#isLooking = false;
    if (snapshot instanceof Error) {
      this.lies.push(`no snapshot: ${snapshot.message}`);
      return;
    }
    for (const { id, pid, state } of snapshot.workers) {
      if (state !== 'ready' || pid === null) continue;
      const strikes = isRunning(pid) ? 0 : (this.#strikes.get(pid) ?? 0) + 1;
      this.#strikes.set(pid, strikes);
      if (strikes === 6) this.lies.push(`${id} is said to be ready, but process ${pid} is gone`);
    }
    const serving = snapshot.workers.filter(({ state }) => state === 'ready').length;
    if (snapshot.stack.state === 'ready' && serving < snapshot.workers.length)
      this.lies.push(`the stack is said to be ready with ${serving} of ${snapshot.workers.length} workers`);
  }
}

/** Direct children, by the kernel's own list. */
export function childrenOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
      readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8')
        .trim()
        .split(/\s+/)
        .filter(Boolean)
        .map(Number),
    );
  } catch {
    return [];
  }
}
