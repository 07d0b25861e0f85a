/**
 * What a router of your own (`--router ./mine.mjs`) gets and gives. This file imports nothing, so a module can name it:
 *
 *     /** @typedef {import('dynamo-cli/src/router/policies/module-types.ts').RouterModule} RouterModule *\/
 *
 * docs/routers.md tells the whole story; examples/routers has two that work.
 */

/** Tokens of the prompt a worker can read instead of computing, by the tier they lie on. */
export interface CachedTokens {
  gpu: number;
  cpu: number;
  disk: number;
  remote: number;
}

/** The request that wants a worker. */
export interface ModuleRequest {
  id: string;
  promptTokens: number;
  /** Output the session usually gets, or what the client announced (`osl`), in tokens. */
  expectedOutputTokens: number;
  /** 0 unless the client gave one; higher is more important. */
  priority: number;
  /** Absent when the client named no session. */
  sessionId?: string;
  /** Where the session's last request went; null when it has none, or when that worker is no candidate. */
  lastWorker: string | null;
}

/** A worker that may take the request. */
export interface ModuleCandidate {
  worker: string;
  cachedTokens: CachedTokens;
  /** Prompt tokens left to compute here: the prompt without all of `cachedTokens`; at least 1. */
  uncachedTokens: number;
  /** Requests sent there and not finished. */
  activeRequests: number;
  /** Prompt tokens of those requests still to be computed before this one's. */
  queuedTokens: number;
  /** Requests the engine itself reports as waiting. */
  waitingRequests: number;
  /** KV blocks those requests hold, and all blocks of the worker (0 = unknown). */
  usedBlocks: number;
  totalBlocks: number;
  /** Measured milliseconds to compute one prompt token; that of its neighbours until measured. */
  prefillMsPerToken: number;
  /** False for a worker that has computed nothing yet while others have. */
  isMeasured: boolean;
  /** Measured milliseconds from dispatch to the end of a request; null until measured. */
  serviceMs: number | null;
  isLastWorker: boolean;
  /** What the default router `kv` reckons, in milliseconds by term; `total` is their sum and lower is better. */
  cost: Readonly<Record<string, number>>;
}

/** Chance and turn of one decision: the same seed gives the same numbers in `dynamo replay`. */
export interface ModuleDraw {
  /** A number in [0, 1), another one on each call. */
  random(): number;
  /** Decisions made before this one. */
  turn: number;
}

/** A request's end, for routers that learn. */
export interface ModuleFeedback {
  requestId: string;
  worker: string;
  sessionId?: string;
  /** Milliseconds from the request's arrival to its first token; null when none came. */
  ttftMs: number | null;
  /** Mean milliseconds between output tokens; null with fewer than two. */
  interTokenMs: number | null;
  promptTokens: number;
  /** As `select` saw them for this worker when it placed the request. */
  uncachedTokens: number;
  queuedTokens: number;
  /** As the engine reported them. */
  cachedTokens: number;
  outputTokens: number;
  failed: boolean;
}

/** A worker's id, or one score per candidate in their order: the highest wins, equals share. */
export type ModuleChoice = string | readonly number[];

export interface RouterModule {
  /** Shown by `status` and `explain`; the file's name unless given. */
  name?: string;
  /** Pure and synchronous: it may be asked without consequence (`POST /dynamo/v1/score`). Candidates are never empty. */
  select(request: ModuleRequest, candidates: readonly ModuleCandidate[], draw: ModuleDraw): ModuleChoice;
  /** Called once for each request it placed that was not cancelled. */
  onOutcome?(feedback: ModuleFeedback): void;
}

/** What the file exports as default: a router, or a function that makes a fresh one (for those that remember). */
export type RouterExport = RouterModule | (() => RouterModule);
