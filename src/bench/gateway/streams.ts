/** `--streams N`: many slow streams at once, direct, through the pass-through, and through ours. */
import { type Machine, machine } from '../machine.js';
import type { Candidate, EventLoop } from './rows.js';
import type { Bench } from './run.js';
import { restartEventLoop, targetOf } from './table.js';
import type { StreamsMeasured } from './types.js';
import { CHUNKS } from './upstream-answer.js';

export interface StreamsReport {
  definition: string;
  machine: Machine;
  at: string;
  streams: number;
  tokensPerSecond: number;
  seconds: number;
  rows: (StreamsMeasured & { candidate: Candidate })[];
  /** Ours − the worse of the direct rows, milliseconds. */
  addedStallMaxMs: number;
  addedStallP999Ms: number;
  eventLoopMs: EventLoop;
}

const TOKENS_PER_SECOND = 50;
const BODY_BYTES = 16_384;
const ORDER: readonly Candidate[] = ['direct', 'passThrough', 'ours', 'directAgain'];

export async function measureSlowStreams(
  bench: Bench,
  { streams, seconds }: { streams: number; seconds: number },
): Promise<StreamsReport> {
  const slow = { gapMs: 1_000 / TOKENS_PER_SECOND, chunks: Math.ceil(seconds * TOKENS_PER_SECOND) };
  const rows: StreamsReport['rows'] = [];
  let eventLoopMs: EventLoop = { p50: null, p99: null, p999: null, max: null };
  for (const [index, candidate] of ORDER.entries()) {
    // The sessions' first requests are answered at once, and are not in the figures.
    await bench.upstream.ask({ gapMs: 0, chunks: CHUNKS });
    const onOpened = async () => {
      await bench.upstream.ask(slow);
      await restartEventLoop(bench);
    };
    const job = { streams, bodyBytes: BODY_BYTES, seed: 1_000_000 * (index + 1) };
    const target = targetOf(bench, candidate);
    const measured = await bench.driver.run({ kind: 'streams', ...job, ...target }, { onOpened });
    if (candidate === 'ours') ({ eventLoopMs } = await bench.stack.client.snapshot());
    rows.push({ candidate, ...(measured as StreamsMeasured) });
  }
  const added = (pick: (row: StreamsMeasured) => number): number => {
    const [direct, , ours, again] = rows.map(pick);
    return (ours ?? Number.NaN) - Math.max(direct ?? 0, again ?? 0);
  };
  return {
    definition:
      'the upstream writes the time into each token; stall = by how much the pause before a token was longer for the client than at the upstream; CPU = of the candidate’s process while all streams ran',
    machine: machine(),
    at: new Date().toISOString(),
    streams,
    tokensPerSecond: TOKENS_PER_SECOND,
    seconds,
    rows,
    addedStallMaxMs: added(({ stallMs }) => stallMs.max),
    addedStallP999Ms: added(({ stallMs }) => stallMs.p999),
    eventLoopMs,
  };
}
