/** Words of the simulated worker: a vLLM-like scheduler in virtual time. */

/** One request as the scheduler sees it. */
export interface SimRequest {
  id: string;
  promptTokens: number;
  /** Tokens it will answer with, at least 1. */
  outputTokens: number;
  /**
   * One id per full block of the prompt, or of prompt and answer where the answer is known: equal ids mean an equal
   * prefix. Blocks after the last id are never found again.
   */
  blocks: Int32Array;
  /** Higher first where the worker schedules by priority. */
  priority: number;
  /** Conversation it belongs to; -1 = none. */
  session: number;
}

/** Blocks that became readable or left; `parent` is the id before the first one, -1 at a prompt's start. */
export interface SimSink {
  stored(parent: number, blocks: Int32Array): void;
  removed(block: number): void;
}

/** What one pass of the scheduler did. Tokens leave at the end of the pass. */
export interface PassResult {
  durationMs: number;
  /** Prompt tokens computed and contexts decoded. */
  promptTokens: number;
  decoding: number;
  /** Requests whose first token leaves with this pass, with the prompt tokens they read from the cache. */
  started: SimRunning[];
  /** Requests that entered for the first time. */
  admitted: SimRunning[];
  /** Requests whose last token leaves with this pass. */
  finished: SimRunning[];
}

/** A request inside the scheduler. */
export interface SimRunning {
  readonly request: SimRequest;
  /** Prompt tokens read from the engine's own memory at its first admission; null before. */
  cachedTokens: number | null;
  /** Further prompt tokens read from tiers below. */
  tierTokens: number;
  /** Tokens whose KV is there. */
  computed: number;
  /** Answer tokens so far. */
  generated: number;
  preemptions: number;
  /** Slots of its blocks, in order. */
  slots: number[];
}

/** What is left of a pass's budget, and what it read. */
export interface PassTokens {
  left: number;
  context: number;
  contextBlocks: number;
  loadMs: number;
}

/** Milliseconds of one pass. `promptTokens` = new prompt tokens, `usage` = decoding contexts ÷ all KV, 0..1. */
export interface PassTiming {
  passMs(promptTokens: number, decoding: number, contextTokens: number, usage: number): number;
}

/** Order in which blocks nobody references are given up. */
export interface EvictionOrder {
  /** A block lost its last reference. Lists are numbered from 0. */
  listOf(block: number, owner: number): number;
  /** Lists in the order they are emptied; called when the pool is full. */
  victims(now: number): Iterable<number>;
}

/** Owners beside conversations (0 and up). */
export const NOBODY = -1;
export const SHARED = -2;
