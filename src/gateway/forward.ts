/** Routes a request and sees it through, on a second worker if the first is lost before it said anything. */
import type { DynamoError } from '../errors.js';
import type { Placement, RouteInput, WorkerId } from '../router/types.js';
import { attempt, type Job } from './attempt.js';

const ATTEMPTS = 2;

/** Resolves when the answer was delivered. Rejects with the failure, which nobody was told yet. */
export async function forward(job: Job): Promise<void> {
  const failed: WorkerId[] = [];
  let failure: DynamoError | null = null;
  for (let round = 1; round <= ATTEMPTS; round += 1) {
    const placement = await placed(job, { failed, failure });
    failure = await attempt(job, placement);
    if (failure === null) return;
    const isWorkersFault = failure.code === 'engine_lost';
    if (!isWorkersFault || !job.reply.canStartOver || job.signal.aborted) break;
    failed.push(placement.worker);
  }
  throw failure;
}

/** When no other worker can take it, the failure of the first is the news, not the want of a second. */
async function placed(
  job: Job,
  { failed, failure }: { failed: readonly WorkerId[]; failure: DynamoError | null },
): Promise<Placement> {
  try {
    return await job.deps.router.route(routeInput(job, failed), job.signal);
  } catch (error) {
    throw failure !== null && !job.signal.aborted ? failure : error;
  }
}

export function routeInput(
  { request, prompt }: Pick<Job, 'request' | 'prompt'>,
  exclude: readonly WorkerId[] = [],
): RouteInput {
  const { hints, session, maxTokens } = request;
  return {
    requestId: request.id,
    promptTokens: prompt.tokens.length,
    blockTokens: prompt.blockTokens,
    localHashes: prompt.localHashes,
    priority: hints.priority,
    strictPriority: hints.strictPriority,
    ...(maxTokens === undefined ? {} : { maxTokens }),
    ...(hints.osl === undefined ? {} : { osl: hints.osl }),
    // Unnamed conversations the router tells apart by their blocks, more exactly than by how they begin.
    ...(session === undefined || session.isDerived ? {} : { sessionId: session.id }),
    ...(session?.isFinal === true ? { isFinal: true } : {}),
    ...(hints.workerPin === undefined ? {} : { workerPin: hints.workerPin }),
    ...(exclude.length === 0 ? {} : { exclude }),
  };
}
