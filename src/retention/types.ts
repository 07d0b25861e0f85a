/** Words of the warm-up: prefixes computed before anybody asks for them. */
import type { CommonRequest } from '../request/types.js';
import type { RetentionSpan } from './spans.js';

/**
 * Why a prefix is computed ahead: the next turn of a conversation is known, a client asked, a promised lifetime would end on an
 * engine that keeps no promises, or the run before used it most.
 */
export const WARM_CAUSES = ['next_turn', 'asked', 'keep_warm', 'last_run'] as const;
export type WarmCause = (typeof WARM_CAUSES)[number];

/** One prefix for one worker. */
export interface WarmJob {
  cause: WarmCause;
  worker: string;
  /** The conversation it is for: its next request ends the job. */
  session?: string;
  tokens: Uint32Array;
  /** Sent as it is instead of the tokens, where they are not the engine's own. */
  request?: CommonRequest;
  blockTokens: number;
  /** Hashes of the whole blocks, for what the router knows of them. */
  localHashes: BigUint64Array;
  salt?: string;
  /** How long its parts are worth keeping; empty = the engine's own default. */
  retention: readonly RetentionSpan[];
  /** By the scheduler's clock: not worth starting any more. */
  until: number;
}

/** Tokens as the engine counts them. */
export interface WarmResult {
  promptTokens: number;
  cachedTokens: number;
}

/**
 * How a job ended. `superseded`: the real request came; `expired`: its worker was never free in time; `over_budget`; `pointless`: the
 * worker has it all; `crowded_out`: too many were waiting.
 */
export type WarmOutcome =
  | 'done'
  | 'superseded'
  | 'expired'
  | 'over_budget'
  | 'pointless'
  | 'crowded_out'
  | 'failed';
