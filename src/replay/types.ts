/** Words of replay: a workload as turns that wait for each other, and what one run of it measured. */

/** One request of a recorded workload. */
export interface Turn {
  /** Conversation, an index into `Workload.sessions`. */
  session: number;
  /** Milliseconds after the trace began before which it is not sent; 0 when only `after` holds it. */
  atMs: number;
  /** Turns (indices into `Workload.turns`, all before this one) whose answers it waits for. */
  after: number[];
  /** Milliseconds between the last of those answers and this request: thinking, or a tool at work. */
  delayMs: number;
  promptTokens: number;
  /** At least 1. */
  outputTokens: number;
  /** Nodes of the prefix tree, one per full block of the prompt: equal nodes mean equal prefixes. */
  blocks: Int32Array;
  priority: number;
  /** What the prompt is made of, in order; kinds and tokens. Empty when the trace does not say. */
  parts: readonly Part[];
}

/** A stretch of a prompt that is all of one kind. */
export interface Part {
  kind: string;
  tokens: number;
}

/** A whole trace, ready to run. */
export interface Workload {
  /** `claude-code`, `mooncake`, `closed-loop`, `mooncake-agentic`, `recording`, `claude-logs`. */
  format: string;
  blockTokens: number;
  turns: Turn[];
  /** Names of the conversations. */
  sessions: string[];
  /** Distinct blocks, the smallest cache that would never forget. */
  uniqueBlocks: number;
  /** What was left out or bent, in words: shown with every report. */
  notes: string[];
}

/** What a reader may be told. */
export interface ReadOptions {
  /** Tokens of a KV block. */
  blockTokens: number;
  /** Tokens one hash id of a row stands for; null = 512 for Mooncake rows, else 64. */
  traceBlockTokens: number | null;
  /** Milliseconds between the starts of conversations that carry no common clock. */
  staggerMs: number;
  /** Longest pause between an answer and the next request, in milliseconds; Infinity = as recorded. */
  maxDelayMs: number;
  /** The tools text of every Claude Code session file counts as its own, instead of one text for all. */
  privateTools?: boolean;
}

/** Milliseconds; zero where nothing was measured. */
export interface Distribution {
  mean: number;
  p50: number;
  p90: number;
  p95: number;
  p99: number;
}
