/** Closed-loop load on one candidate: each connection sends its next request when the answer to the one before is whole. */
import { cpuSeconds, residentBytes } from '../process-usage.js';
import { BenchClient, type Exchange } from './client.js';
import type { Measured, MeasureJob, SoakJob, SoakMeasured } from './types.js';
import { turnsOfSession, type Work, type WorkRequest, workOf } from './work.js';

/** Seeds of two connections never meet. */
const SEEDS_PER_CONNECTION = 100_000;
const FAILURES_KEPT = 20;
const PROGRESS_REQUESTS = 500;

/** `opened` is told once what comes before is sent; the measurement begins when it resolves. */
export async function measure(job: MeasureJob, opened: () => Promise<void>): Promise<Measured> {
  const each = Math.ceil(job.requests / job.connections);
  const works = Array.from({ length: job.connections }, (_, index) =>
    workOf({ ...job, requests: each, seed: job.seed + index * SEEDS_PER_CONNECTION }),
  );
  const clients = works.map(() => new BenchClient(job.url));
  const failures: string[] = [];
  try {
    await Promise.all(works.map((work, index) => open(clients[index] as BenchClient, work, job, failures)));
    await opened();
    const cpuBefore = cpuSeconds(job.pid);
    const driverBefore = process.cpuUsage();
    const startedAt = performance.now();
    const exchanges = await Promise.all(
      works.map((work, index) => runTurns(clients[index] as BenchClient, work, each, job.isStream)),
    );
    const wallSeconds = (performance.now() - startedAt) / 1_000;
    const cpuAfter = cpuSeconds(job.pid);
    const driver = process.cpuUsage(driverBefore);
    const all = exchanges.flat();
    failures.push(...all.flatMap(({ failure }) => failure ?? []));
    const good = all.filter(({ failure }) => failure === null);
    return {
      latencyMs: good.map(({ totalMs }) => totalMs),
      firstByteMs: good.map(({ firstByteMs }) => firstByteMs),
      failures: failures.slice(0, FAILURES_KEPT),
      wallSeconds,
      cpuSeconds: cpuBefore === null || cpuAfter === null ? null : cpuAfter - cpuBefore,
      driverCpuSeconds: (driver.user + driver.system) / 1e6,
      residentBytes: residentBytes(job.pid),
    };
  } finally {
    for (const client of clients) client.close();
  }
}

/** What comes before the measurement; the first answer is read whole and compared. */
async function open(
  client: BenchClient,
  work: Work,
  { isStream }: { isStream: boolean },
  failures: string[],
): Promise<void> {
  for (const [index, request] of work.before.entries()) {
    const { failure } = await client.send({ ...request, isStream, isChecked: index === 0 });
    if (failure !== null) failures.push(`before the measurement: ${failure}`);
  }
}

async function runTurns(
  client: BenchClient,
  work: Work,
  requests: number,
  isStream: boolean,
): Promise<Exchange[]> {
  const exchanges: Exchange[] = [];
  for (let sent = 0; sent < requests; sent += 1)
    exchanges.push(await client.send({ ...work.next(), isStream }));
  return exchanges;
}

/** Sessions that begin, grow and end, one after the other on each connection; streamed and whole answers in turn. */
export async function soak(job: SoakJob, report: (requests: number) => void): Promise<SoakMeasured> {
  const failures: string[] = [];
  const startedAt = performance.now();
  let sent = 0;
  const connection = async (index: number): Promise<void> => {
    const client = new BenchClient(job.url);
    for (let seed = job.seed + index * SEEDS_PER_CONNECTION; sent < job.requests; seed += 1) {
      const isStream = seed % 2 === 0;
      const requests = turnsOfSession(job.bodyBytes);
      const work = workOf({ mode: 'next', bodyBytes: job.bodyBytes, isStream, requests, seed });
      for (let turn = 0; turn <= requests; turn += 1) {
        const request = turn === 0 ? (work.before[0] as WorkRequest) : work.next();
        const { failure } = await client.send({ ...request, isStream });
        if (failure !== null && failures.length < FAILURES_KEPT) failures.push(failure);
        sent += 1;
        if (sent % PROGRESS_REQUESTS === 0) report(sent);
      }
    }
    client.close();
  };
  await Promise.all(Array.from({ length: job.connections }, (_, index) => connection(index)));
  return { failures, wallSeconds: (performance.now() - startedAt) / 1_000 };
}
