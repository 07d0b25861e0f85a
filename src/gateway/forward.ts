/** Routes a request and sees it through: a lost worker's answer is given by another, from its beginning or from where it broke off. */
import type { DynamoError } from '../errors.js';
import { LIMITS } from '../limits.js';
import type { CommonRequest } from '../request/types.js';
import type { Placement, RouteInput, WorkerId } from '../router/types.js';
import { AnswerSoFar } from './answer-so-far.js';
import { attempt, type Job } from './attempt.js';
import { isCompletable } from './continued-body.js';
import { nextStep } from './next-step.js';
import type { RequestNotes } from './request-notes.js';

/** Resolves when the answer was delivered. Rejects with the failure, which nobody was told yet. */
export async function forward(job: Job, notes?: RequestNotes): Promise<void> {
  const continuationsMax = job.deps.config.continuations ?? LIMITS.continuations;
  const counts = { startedOver: 0, continued: 0 };
  const { reply, request, meter, signal } = job;
  let answer = answerOf(request, continuationsMax);
  let said: readonly number[] = [];
  let placement = await job.deps.router.route(routeInput(job), signal);
  for (;;) {
    const failure = await attempt({ ...job, answer, said }, placement);
    if (failure === null) return;
    const known = knownTokens(job, placement.worker, answer);
    const step = nextStep({
      failure,
      isAborted: signal.aborted,
      canStartOver: reply.canStartOver,
      ...counts,
      continuationsMax,
      answer: answer === null ? null : { tokens: known.length, isFinished: answer.finish !== null },
      isRepeatable: request.sampling.temperature === 0,
    });
    if (step === 'give_up') throw failure;
    if (step === 'complete') {
      complete(job, answer);
      return;
    }
    meter.broken();
    const from = placement.worker;
    placement = await placed(job, from, failure);
    if (step === 'start_over') {
      counts.startedOver += 1;
      reply.startOver();
      answer = answerOf(request, continuationsMax);
      said = [];
    } else {
      counts.continued += 1;
      answer?.sayAgain();
      said = known;
      const continued = { from, to: placement.worker, tokens: said.length, reason: failure.message };
      meter.continued(continued);
      notes?.continued(request.id, continued);
    }
  }
}

/** What another worker of that engine can go on from. */
function knownTokens(
  { deps, request, prompt }: Job,
  worker: WorkerId,
  answer: AnswerSoFar | null,
): readonly number[] {
  const way = deps.continuation?.(worker)?.way;
  if (answer === null || way === undefined) return [];
  if (way === 'repeats') return answer.tokens;
  const isKnown = isCompletable(request, prompt) && (deps.textOf?.(answer.tokens) ?? null) !== null;
  return isKnown ? answer.tokens : [];
}

/** Several choices have several answers, of which engines take none up. */
function answerOf(request: CommonRequest, continuationsMax: number): AnswerSoFar | null {
  return continuationsMax > 0 && request.n === 1 ? new AnswerSoFar() : null;
}

/** The worker was lost between the end of its answer and its figures, which are then our own. */
function complete({ reply, meter, prompt }: Job, answer: AnswerSoFar | null): void {
  const outputTokens = answer?.tokens.length ?? 0;
  const usage = { promptTokens: prompt.tokens.length, cachedTokens: 0, outputTokens, reasoningTokens: 0 };
  reply.push({ type: 'usage', usage });
  reply.push({ type: 'done' });
  meter.finished(usage, answer?.finish ?? 'stop');
}

/**
 * Another worker, or the same once it has been started again. When none can take it, the failure of the first is the news,
 * not the want of a second. One that failed it earlier has been restarted meanwhile, or will fail again: attempts are few.
 */
async function placed(job: Job, failed: WorkerId, failure: DynamoError): Promise<Placement> {
  try {
    return await job.deps.router.route(routeInput(job, [failed]), job.signal);
  } catch (error) {
    throw job.signal.aborted ? error : failure;
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
