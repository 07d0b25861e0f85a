/** Runs a workload through the real router over simulated workers, in virtual time. */

import { setMaxListeners } from 'node:events';
import type { SimRunning } from '../engines/simulator/types.js';
import { DynamoError } from '../errors.js';
import { createBlockIndex } from '../router/index/create-index.js';
import { createRouter, type Router } from '../router/router.js';
import type { Placement } from '../router/types.js';
import type { ReplayConfig } from './config.js';
import { Fleet } from './fleet.js';
import { localHashes } from './hashes.js';
import { seededRandom } from './random.js';
import { Samples } from './samples.js';
import type { SimHost } from './sim-host.js';
import type { Turn, Workload } from './types.js';
import { VirtualClock } from './virtual-clock.js';

/** A replayed client does not give up, and nobody else needs the memory its waiting costs. */
const PATIENT = { queueMax: 10_000_000, queueWaitMs: 10 ** 12 };
/** Policies that do not bind late stand for stacks whose router has no queue: engines get everything at once. */
const NO_QUEUE = { maxActivePerWorker: 10_000_000 };
const PROGRESS_EVERY = 256;

export interface ReplayRun {
  samples: Samples;
  busyMs: number[];
  preemptions: number;
  /** Milliseconds from the first request sent to the last answer. */
  makespanMs: number;
}

/** Same workload, same config, same run. `progress` is called now and then with the turns done. */
export async function runReplay(
  workload: Workload,
  config: ReplayConfig,
  progress: (done: number) => void = () => {},
): Promise<ReplayRun> {
  const run = new Run(workload, config);
  await run.toEnd(progress);
  return run.result();
}

class Run {
  readonly #workload: Workload;
  readonly #config: ReplayConfig;
  readonly #clock = new VirtualClock();
  readonly #router: Router;
  readonly #fleet: Fleet;
  readonly #samples: Samples;
  readonly #seen: Uint8Array;
  /** Answers each turn still waits for, and who waits for it. */
  readonly #waitsFor: Int32Array;
  readonly #dependants: number[][];
  readonly #isConversation: boolean[];
  readonly #signal = new AbortController().signal;
  /** Promises of the router may have settled: they run before time goes on. */
  #isUnsettled = false;

  constructor(workload: Workload, config: ReplayConfig) {
    const { turns } = workload;
    this.#workload = workload;
    this.#config = config;
    // Every waiting request listens.
    setMaxListeners(0, this.#signal);
    this.#router = createRouter({
      index: createBlockIndex(),
      policy: config.policy,
      clock: this.#clock,
      random: seededRandom(config.seed),
      blockTokens: workload.blockTokens,
      settings: {
        ...PATIENT,
        ...(config.policy.canStart === undefined ? NO_QUEUE : {}),
        ...config.settings,
      },
    });
    this.#fleet = new Fleet({
      clock: this.#clock,
      router: this.#router,
      config,
      blockTokens: workload.blockTokens,
    });
    this.#samples = new Samples(workload);
    this.#seen = new Uint8Array(1 + turns.reduce((max, { blocks }) => maxOf(blocks, max), 0));
    this.#waitsFor = Int32Array.from(turns, ({ after }) => after.length);
    this.#dependants = turns.map(() => []);
    turns.forEach(({ after }, index) => {
      for (const turn of after) (this.#dependants[turn] as number[]).push(index);
    });
    this.#isConversation = conversations(workload);
    turns.forEach((turn, index) => {
      if (turn.after.length === 0) this.#clock.after(turn.atMs + turn.delayMs, () => this.#send(index));
    });
  }

  async toEnd(progress: (done: number) => void): Promise<void> {
    const { length } = this.#workload.turns;
    let told = 0;
    while (this.#samples.done < length) {
      if (!this.#clock.step()) break;
      if (this.#isUnsettled) {
        this.#isUnsettled = false;
        await new Promise(setImmediate);
      }
      if (this.#samples.done - told >= PROGRESS_EVERY) {
        told = this.#samples.done;
        progress(told);
      }
    }
    progress(this.#samples.done);
  }

  result(): ReplayRun {
    const { hosts } = this.#fleet;
    const { sentMs, endMs } = this.#samples;
    const span = (values: Float64Array, pick: (a: number, b: number) => number): number =>
      values.reduce((best, value) => (Number.isNaN(value) ? best : pick(best, value)), Number.NaN);
    const firstOf = (a: number, b: number): number => (a <= b ? a : b);
    const lastOf = (a: number, b: number): number => (a >= b ? a : b);
    return {
      samples: this.#samples,
      busyMs: hosts.map(({ busyMs }) => busyMs),
      preemptions: hosts.reduce((sum, { worker }) => sum + worker.preemptions, 0),
      makespanMs: Math.max(0, span(endMs, lastOf) - span(sentMs, firstOf)) || 0,
    };
  }

  #send(index: number): void {
    const turn = this.#workload.turns[index] as Turn;
    const { blockTokens, sessions } = this.#workload;
    this.#samples.sentMs[index] = this.#clock.now();
    this.#samples.reachableTokens[index] = this.#reachable(turn);
    this.#isUnsettled = true;
    if (turn.promptTokens + turn.outputTokens > this.#config.blocks * blockTokens) {
      this.#refuse(index);
      return;
    }
    this.#router
      .route(
        {
          requestId: `r${index}`,
          promptTokens: turn.promptTokens,
          blockTokens,
          localHashes: localHashes(turn.blocks),
          priority: turn.priority,
          strictPriority: 0,
          ...(this.#isConversation[turn.session] ? { sessionId: sessions[turn.session] as string } : {}),
        },
        this.#signal,
      )
      .then(
        (placement) => this.#place(index, placement),
        (error: unknown) => {
          if (!(error instanceof DynamoError)) throw error;
          this.#refuse(index);
        },
      );
  }

  #place(index: number, placement: Placement): void {
    const turn = this.#workload.turns[index] as Turn;
    const worker = Number(placement.worker.slice(1));
    const session = this.#isConversation[turn.session] ? turn.session : -1;
    this.#samples.worker[index] = worker;
    this.#fleet.started(session, worker, turn);
    const host = this.#fleet.hosts[worker] as SimHost;
    const { promptTokens, outputTokens, blocks, priority } = turn;
    host.submit(
      { id: `r${index}`, promptTokens, outputTokens, blocks, priority, session },
      {
        admitted: (entry) => {
          this.#samples.admittedMs[index] = this.#clock.now();
          this.#samples.tierTokens[index] = entry.tierTokens;
          this.#samples.cachedTokens[index] = (entry.cachedTokens ?? 0) + entry.tierTokens;
        },
        firstToken: () => {
          this.#samples.firstTokenMs[index] = this.#clock.now();
          placement.firstToken();
        },
        grew: (tokens) => placement.grew(tokens),
        finished: (entry) => this.#finish(index, { placement, session, entry }),
      },
    );
  }

  #finish(
    index: number,
    { placement, session, entry }: { placement: Placement; session: number; entry: SimRunning },
  ): void {
    const now = this.#clock.now();
    const samples = this.#samples;
    const turn = this.#workload.turns[index] as Turn;
    const { promptTokens, outputTokens } = entry.request;
    // An answer of one token ends with the pass that starts it.
    if (Number.isNaN(samples.firstTokenMs[index])) samples.firstTokenMs[index] = now;
    samples.endMs[index] = now;
    this.#fleet.ended(session, turn);
    placement.finish({
      requestId: entry.request.id,
      worker: placement.worker,
      ttftMs: (samples.firstTokenMs[index] as number) - (samples.sentMs[index] as number),
      itlMs: outputTokens > 1 ? (now - (samples.firstTokenMs[index] as number)) / (outputTokens - 1) : null,
      promptTokens,
      cachedTokens: samples.cachedTokens[index] as number,
      outputTokens,
      failed: false,
    });
    this.#over(index);
  }

  #refuse(index: number): void {
    this.#samples.refused += 1;
    this.#over(index);
  }

  #over(index: number): void {
    this.#samples.done += 1;
    this.#isUnsettled = true;
    const now = this.#clock.now();
    for (const next of this.#dependants[index] as number[]) {
      this.#waitsFor[next] = (this.#waitsFor[next] as number) - 1;
      if (this.#waitsFor[next] !== 0) continue;
      const { delayMs, atMs } = this.#workload.turns[next] as Turn;
      this.#clock.after(Math.max(delayMs, atMs - now), () => this.#send(next));
    }
  }

  /** The last prompt token is always computed. */
  #reachable({ blocks, promptTokens }: Turn): number {
    let known = 0;
    while (known < blocks.length && this.#seen[blocks[known] as number] === 1) known += 1;
    for (let at = known; at < blocks.length; at++) this.#seen[blocks[at] as number] = 1;
    const { blockTokens } = this.#workload;
    return Math.min(known, Math.floor((promptTokens - 1) / blockTokens)) * blockTokens;
  }
}

/** Whether a session has more than one turn: a single request names no conversation to its router. */
function conversations({ turns, sessions }: Workload): boolean[] {
  const counts = new Int32Array(sessions.length);
  for (const { session } of turns) counts[session] = (counts[session] as number) + 1;
  return Array.from(counts, (count) => count > 1);
}

function maxOf(values: Int32Array, start: number): number {
  let max = start;
  for (const value of values) if (value > max) max = value;
  return max;
}
