/** Words of the router: workers as it sees them, candidates, policies, decisions. */

export type WorkerId = string;

/** Tiers in the order a token is fetched from them. */
export const TIERS = ['gpu', 'cpu', 'disk', 'remote'] as const;
export type Tier = (typeof TIERS)[number];

/** Full blocks of this prompt's prefix a worker can read, continued tier by tier (`cpu` counts beyond `gpu`). */
export type TierBlocks = Record<Tier, number>;

/** What the load book knows of one worker. All token figures are prompt tokens not yet computed. */
export interface WorkerLoad {
  /** Requests sent and not finished. */
  activeRequests: number;
  /** Prompt tokens of those requests still to be computed (uncached part, before the first token). */
  prefillTokens: number;
  /** KV blocks referenced by those requests, output included; what they have in common counts once. */
  decodeBlocks: number;
  /** Requests the engine itself reports as waiting. */
  waiting: number;
}

/** One eligible worker with everything a policy may look at. */
export interface Candidate {
  worker: WorkerId;
  /** Prefix blocks held, per tier. */
  overlap: TierBlocks;
  load: WorkerLoad;
  /** KV blocks the worker has; 0 when unknown. */
  kvBlocks: number;
  /**
   * Context blocks of other sessions whose last request went here and that are still live, without what each had in
   * common with earlier ones when it began: the memory they need.
   */
  liveBlocks: number;
  /** The same with what they have in common, counted for each: what their answers will have to read. */
  contextBlocks?: number;
  /** True when this session's previous request went here. */
  isHome: boolean;
  /** Measured milliseconds to compute one prompt token; a default until measured. */
  prefillMsPerToken: number;
  /** Nobody knows its speed yet, while others have been measured. */
  isUntried?: boolean;
  /** Part of `overlap.gpu` the worker is computing right now for another request. */
  pendingBlocks?: number;
  /** KV blocks its running requests will need, expected output included; what they have in common counts once. */
  committedBlocks?: number;
  /** Blocks of this prompt that requests running there hold anyway. */
  sharedBlocks?: number;
  /** Measured milliseconds from dispatch to the end of a request; absent until measured. */
  serviceMs?: number;
  /** KV blocks kept for idle sessions with a priority: not for requests without one. */
  pinnedBlocks?: number;
}

/** What decides whether a worker can start a request now. */
export interface AdmissionView {
  load: WorkerLoad;
  /** KV blocks of the worker; 0 when unknown. */
  kvBlocks: number;
  /** As in `Candidate`. */
  committedBlocks: number;
  sharedBlocks: number;
  pinnedBlocks: number;
  /** Requests with a priority came within the last minute. */
  hasPriorities: boolean;
}

/** The request as a policy sees it. */
export interface RoutingRequest {
  id: string;
  promptTokens: number;
  blockTokens: number;
  promptBlocks: number;
  /** Expected output, in tokens. */
  expectedOutputTokens: number;
  priority: number;
  sessionId?: string;
}

/** Cost terms of one candidate by name, `total` among them; lower wins. */
export type CostTerms = Record<string, number>;

export interface Choice {
  worker: WorkerId;
  /** One entry per candidate, in the candidates' order. */
  terms: CostTerms[];
  /** A few words: `lowest cost`, `tie spread`, `next in turn`. */
  reason: string;
}

/**
 * Picks a worker. Pure: no clock, no log, no mutation of its arguments; may be asked speculatively
 * (`POST /dynamo/v1/score`). `random` is a number in [0,1) drawn once per call, `turn` counts calls.
 */
export interface Policy {
  readonly name: string;
  /** Milliseconds a decision may take, else the default router makes it; absent for our own. */
  readonly limitMs?: number;
  select(
    request: RoutingRequest,
    candidates: readonly Candidate[],
    draw: { random: number; turn: number },
  ): Choice;
  /**
   * Whether a worker would start the request at once; without it requests are sent as soon as they come. A worker that
   * runs nothing must be able to start anything, or requests wait for ever.
   */
  canStart?(request: RoutingRequest, worker: AdmissionView): boolean;
  /** Outcome of a request this policy placed, for policies that learn. */
  onOutcome?(outcome: Outcome): void;
}

export interface Outcome {
  requestId: string;
  worker: WorkerId;
  sessionId?: string;
  ttftMs: number | null;
  itlMs: number | null;
  promptTokens: number;
  cachedTokens: number;
  outputTokens: number;
  failed: boolean;
  /** What the worker had to compute when it was chosen: of this prompt, and of those before it. */
  placed?: { uncachedTokens: number; queuedTokens: number };
}

/** What a policy did wrong since start. */
export interface PolicyFaults {
  count: number;
  /** What it did, as the end of a sentence. */
  last: string | null;
}

/** The router's answer with its inputs; kept for `dynamo explain`. */
export interface Decision {
  requestId: string;
  worker: WorkerId;
  policy: string;
  reason: string;
  /** What the policy did wrong, so that the default decided. */
  fault?: string;
  /** Tokens expected to be read from cache on the chosen worker, all tiers. */
  predictedTokens: number;
  predictedByTier: TierBlocks;
  /** Tokens an unlimited cache over all workers would have given. */
  reachableTokens: number;
  promptTokens: number;
  candidates: { worker: WorkerId; overlap: TierBlocks; load: WorkerLoad; terms: CostTerms }[];
  /** Milliseconds spent in lookup and selection. */
  decideMs: number;
  /** Milliseconds waited for admission. */
  queueMs: number;
}

/** KV events by what they say. */
export interface EventCounts {
  stored: number;
  removed: number;
  cleared: number;
  /** Blocks that engines gave up in their own memory, one by one: not what was cleared or dropped as a whole. */
  evictedBlocks: number;
}

/** A worker as the router is told of it. */
export interface RouterWorker {
  id: WorkerId;
  blockTokens: number;
  /** KV blocks, 0 when unknown. */
  kvBlocks: number;
  /** Whether blocks come from the worker's own events or from our bookkeeping. */
  feed: 'events' | 'approximate';
}

export interface RouteInput {
  requestId: string;
  promptTokens: number;
  blockTokens: number;
  localHashes: BigUint64Array;
  maxTokens?: number;
  osl?: number;
  priority: number;
  strictPriority: number;
  sessionId?: string;
  /** The client said that the session ends with this request. */
  isFinal?: boolean;
  /** Worker the client insists on. */
  workerPin?: WorkerId;
  /** Workers that already failed this request. */
  exclude?: readonly WorkerId[];
}

/** A booked decision. Exactly one of `finish` or `abandon` ends it; both are idempotent. */
export interface Placement {
  worker: WorkerId;
  decision: Decision;
  /** The prompt is computed: its prefill load is released. */
  firstToken(): void;
  /** Output grew by this many tokens. */
  grew(tokens: number): void;
  finish(outcome: Outcome): void;
  /** Released without an outcome (cancelled, failed before the engine took it). */
  abandon(): void;
}

/** What the gateway asks of the router. */
export interface RouterService {
  /** Waits for admission, decides and books. Rejects with DynamoError (`not_ready`, `overloaded`) or when `signal` aborts. */
  route(input: RouteInput, signal: AbortSignal): Promise<Placement>;
  /** The same decision without booking. */
  score(input: RouteInput): Decision['candidates'];
  explain(requestId: string): Decision | undefined;
  /** A worker has computed this prompt outside any request; needed only for those that tell no events. */
  computed(worker: WorkerId, prompt: Pick<RouteInput, 'blockTokens' | 'localHashes'>): void;
  /** Requests waiting for admission. */
  queued(): number;
}
