/** Many slow streams at once: how late each token reaches the client, by the time the upstream wrote into it. */
import { cpuSeconds, residentBytes } from '../process-usage.js';
import { quantileOf } from '../statistics.js';
import { AgentSession } from './agent-session.js';
import { BenchClient } from './client.js';
import type { StreamsJob, StreamsMeasured } from './types.js';
import { UPSTREAM_MODEL } from './upstream-answer.js';

const STAMP = /" @(\d+)"/g;
/** Streams start one after the other, so that their tokens do not all come in the same millisecond. */
const START_GAP_MS = 7;

interface Arrivals {
  delaysMs: number[];
  stallsMs: number[];
}

/** `opened` is told once each session's first request is answered; the streams begin when it resolves. */
export async function measureStreams(job: StreamsJob, opened: () => Promise<void>): Promise<StreamsMeasured> {
  const failures: string[] = [];
  for (let index = 0; index < job.streams; index += 1) await open(job, index, failures);
  await opened();
  const usage = new SteadyUsage(job.pid, job.streams);
  const arrivals = await Promise.all(
    Array.from({ length: job.streams }, async (_, index) => {
      await new Promise((resolve) => setTimeout(resolve, index * START_GAP_MS));
      return follow(job, index, usage, failures);
    }),
  );
  const delays = sorted(arrivals.flatMap(({ delaysMs }) => delaysMs));
  const stalls = sorted(arrivals.flatMap(({ stallsMs }) => stallsMs));
  return {
    tokens: delays.length,
    delayMs: { p50: quantileOf(delays, 0.5), p99: quantileOf(delays, 0.99), max: quantileOf(delays, 1) },
    stallMs: {
      p50: quantileOf(stalls, 0.5),
      p99: quantileOf(stalls, 0.99),
      p999: quantileOf(stalls, 0.999),
      max: quantileOf(stalls, 1),
    },
    failures,
    cpuShare: usage.share,
    residentBytes: residentBytes(job.pid),
  };
}

/** A whole answer first: the streams are next turns, and what a cold prompt costs is not in them. */
async function open(job: StreamsJob, index: number, failures: string[]): Promise<void> {
  const session = sessionOf(job, index, false);
  const client = new BenchClient(job.url);
  const { failure } = await client.send({ session: session.id, body: session.body, isStream: false });
  if (failure !== null) failures.push(failure);
  client.close();
}

async function follow(
  job: StreamsJob,
  index: number,
  usage: SteadyUsage,
  failures: string[],
): Promise<Arrivals> {
  const session = sessionOf(job, index, true);
  const client = new BenchClient(job.url);
  session.addTurn();
  const arrivals: Arrivals = { delaysMs: [], stallsMs: [] };
  const onData = (chunk: Buffer): void => {
    const now = Number(process.hrtime.bigint() / 1_000n);
    if (arrivals.delaysMs.length === 0) usage.started();
    addArrivals(arrivals, chunk.toString('latin1'), now);
  };
  const { failure } = await client.send({ session: session.id, body: session.body, isStream: true, onData });
  usage.ended();
  client.close();
  if (failure !== null) failures.push(failure);
  return arrivals;
}

const sessionOf = ({ seed, bodyBytes }: StreamsJob, index: number, isStream: boolean): AgentSession =>
  new AgentSession({ model: UPSTREAM_MODEL, seed: seed + index, bytes: bodyBytes, isStream });

/** Reads the stamps in a piece of the stream that came at `nowUs`. Exported for its test. */
export function addArrivals({ delaysMs, stallsMs }: Arrivals, text: string, nowUs: number): void {
  for (const [, sent] of text.matchAll(STAMP)) {
    const delay = (nowUs - Number(sent)) / 1_000;
    const before = delaysMs.at(-1);
    if (before !== undefined) stallsMs.push(Math.max(0, delay - before));
    delaysMs.push(delay);
  }
}

/** CPU between the moment the last stream began and the moment the first one ended. */
class SteadyUsage {
  share: number | null = null;
  readonly #pid: number;
  #waiting: number;
  #from: { cpu: number | null; at: number } | null = null;
  #isOver = false;

  constructor(pid: number, streams: number) {
    this.#pid = pid;
    this.#waiting = streams;
  }

  started(): void {
    this.#waiting -= 1;
    if (this.#waiting === 0) this.#from = { cpu: cpuSeconds(this.#pid), at: performance.now() };
  }

  ended(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const cpu = cpuSeconds(this.#pid);
    if (this.#from === null || this.#from.cpu === null || cpu === null) return;
    this.share = (cpu - this.#from.cpu) / ((performance.now() - this.#from.at) / 1_000);
  }
}

const sorted = (values: number[]): number[] => values.sort((a, b) => a - b);
