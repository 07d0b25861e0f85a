/** What becomes of a request whose worker failed it. Pure. */
import type { DynamoError } from '../errors.js';

export type NextStep =
  /** Nobody has seen anything of the answer: another worker gives all of it. */
  | 'start_over'
  /** Another worker says what has been told, from its token ids, and goes on. */
  | 'continue'
  /** All but the figures was told. */
  | 'complete'
  | 'give_up';

export interface Broken {
  failure: DynamoError;
  /** The client is gone, or the gateway closes. */
  isAborted: boolean;
  /** Nothing that counts has been sent to the client. */
  canStartOver: boolean;
  /** Times it has been started over and continued. */
  startedOver: number;
  continued: number;
  /** Times an answer may be continued; 0 = never. */
  continuationsMax: number;
  /** What is known of the answer; null where it cannot be continued (several choices, or that is switched off). */
  answer: { tokens: number; isFinished: boolean } | null;
  /** The same request gives the same answer again, so that its beginning need not be known by its tokens. */
  isRepeatable: boolean;
}

const START_OVER_MAX = 1;

/** Only a worker that is lost is replaced: an engine that refuses would be right to do so again. */
export function nextStep(broken: Broken): NextStep {
  const { failure, isAborted, answer, continued, continuationsMax } = broken;
  if (failure.code !== 'engine_lost' || isAborted) return 'give_up';
  if (answer?.isFinished) return 'complete';
  const isLeft = answer !== null && continued < continuationsMax;
  if (isLeft && answer.tokens > 0) return 'continue';
  if (broken.canStartOver) return broken.startedOver < START_OVER_MAX ? 'start_over' : 'give_up';
  return isLeft && broken.isRepeatable ? 'continue' : 'give_up';
}
