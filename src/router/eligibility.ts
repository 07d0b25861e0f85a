/** Which workers a request may go to, and what to say when there is none. */
import { DynamoError } from '../errors.js';
import type { Hold } from './queue.js';
import type { RouteInput, WorkerId } from './types.js';
import type { WorkerRecord } from './worker-record.js';

type Workers = ReadonlyMap<WorkerId, WorkerRecord>;

/** Throws `invalid_request` when the client insists on a worker that does not exist. */
export function assertPin(workers: Workers, { workerPin }: RouteInput): void {
  if (workerPin === undefined || workers.has(workerPin)) return;
  const known = [...workers.keys()].join(', ') || 'none';
  const detail = `There is no worker \`${workerPin}\`; workers here: ${known}.`;
  throw new DynamoError('invalid_request', { detail }, { param: 'x-dynamo-worker-instance-id' });
}

/** Ready workers. One that failed this request counts again once it has become ready anew after `since`. */
export function allowedWorkers(workers: Workers, input: RouteInput, since: number): WorkerRecord[] {
  return possibleWorkers(workers, input).filter(
    ({ worker, isEligible, eligibleSince }) =>
      isEligible && (input.exclude?.includes(worker.id) !== true || eligibleSince > since),
  );
}

/** Why none is allowed: nothing is to be waited for when each one is ready and has failed the request. */
export function holdOf(workers: Workers, input: RouteInput): Hold {
  const possible = possibleWorkers(workers, input);
  return possible.length > 0 && possible.every((record) => record.isEligible) ? 'failed' : 'not_ready';
}

export function holdDetail(workers: Workers, hold: Hold): string {
  if (hold === 'failed') return 'every ready worker failed this request.';
  if (workers.size === 0) return 'there is no worker.';
  return `${workers.size} worker(s) are starting, restarting or have failed.`;
}

/** Seconds until `waiting` requests have been served, by the slowest worker's mean; 1 to 60. */
export function retryAfterSeconds(workers: Workers, waiting: number, activePerWorker: number): number {
  const ready = [...workers.values()].filter((record) => record.isEligible);
  const serviceMs = Math.max(1_000, ...ready.map((record) => record.serviceMs ?? 0));
  const places = Math.max(1, ready.length * activePerWorker);
  return Math.min(60, Math.max(1, Math.ceil(((waiting / places) * serviceMs) / 1_000)));
}

function possibleWorkers(workers: Workers, { workerPin }: RouteInput): WorkerRecord[] {
  return [...workers.values()].filter(({ worker }) => workerPin === undefined || worker.id === workerPin);
}
