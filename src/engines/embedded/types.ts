/**
 * The seam inside the embedded worker: `core/` drives libllama and owns the KV memory, `server/` speaks
 * vLLM's HTTP and ZMQ dialects. Both sides know only this file.
 */
import type { PageObserver } from '../../cache/types.js';

/** Body field of a chat whose token ids the sender has already, see `EngineAdapter.tokenIdsField`. */
export const TOKEN_IDS_FIELD = 'prompt_token_ids';

/** Body fields by which an answer is taken up by another worker, see `EngineAdapter.continuation`. */
export const CONTINUATION = {
  way: 'repeats',
  idsField: 'stream_token_ids',
  continuedField: 'continued_token_ids',
} as const;

/** Body field of a prompt that is computed ahead of any request, see `EngineAdapter.warmField`. */
export const WARM_FIELD = 'kv_warm';

export interface CoreInfo {
  /** What answers: `llama.cpp`, or `simulator`. */
  engine: string;
  /** Version of the loaded library. */
  libraryVersion: string;
  /** SHA-256 of the model file in use, hex. */
  modelSha256: string;
  contextTokens: number;
  blockTokens: number;
  blocksTotal: number;
  /** Concurrent sequences. */
  slots: number;
  vocabTokens: number;
  /** Bytes of KV per token. */
  kvBytesPerToken: number;
}

export interface CoreSampling {
  /** 0 = greedy. */
  temperature: number;
  topP: number;
  /** 0 = off. */
  topK: number;
  minP: number;
  seed?: number;
  frequencyPenalty: number;
  presencePenalty: number;
  repetitionPenalty: number;
  /** GBNF text, root rule `root`. */
  grammar?: string;
  logitBias?: Map<number, number>;
}

export interface TokenLogprobs {
  token: number;
  logprob: number;
  top: { token: number; logprob: number }[];
}

/** Prompt tokens found in a cache, by the tier they were read from. */
export interface CachedByTier {
  gpu: number;
  cpu: number;
  disk: number;
  remote: number;
}

/** How long blocks of a range of a prompt are worth keeping; of overlapping ranges the highest priority counts. */
export interface RetentionSpan {
  /** Prompt tokens `[start, end)`; an `end` past the prompt covers the answer. */
  start: number;
  end: number;
  /** 0 (evicted first, never written down) to 100. */
  priority: number;
  /** Milliseconds it is promised to stay; 0 = no promise. */
  durationMs: number;
}

export type CoreFinish = 'stop' | 'length' | 'cancelled' | 'error';

/** One generation. Callbacks come between engine steps, on the event loop, in order; `onEnd` exactly once and last. */
export interface CoreJob {
  tokens: Uint32Array;
  /** The answer's first tokens, said by another worker: computed as if chosen here, and not told again. */
  continued?: Uint32Array;
  /** Output bound, `continued` included, already clamped to the context left by the caller; at least 1. */
  maxTokens: number;
  sampling: CoreSampling;
  /** Higher = earlier. Ties by arrival. */
  priority: number;
  /** Requests with unlike salts never share blocks. */
  cacheSalt: string;
  /** Top alternatives wanted per token; undefined = none. */
  logprobs?: number;
  ignoreEos?: boolean;
  /** Tokens at which generation stops besides end-of-generation ones. */
  stopTokens?: ReadonlySet<number>;
  retention?: readonly RetentionSpan[];
  /** Computed ahead of any request: what it reads is no hit. */
  isWarm?: boolean;
  /** The prompt's prefix found in the cache, in tokens; called once, before the first token. */
  onStart(cachedTokens: number, byTier: CachedByTier): void;
  /** A token (never the end-of-generation one). */
  onToken(token: number, logprobs?: TokenLogprobs): void;
  onEnd(reason: CoreFinish, error?: Error): void;
}

export interface CoreHandle {
  /** Ends the job between steps; `onEnd('cancelled')` follows. Idempotent. */
  cancel(): void;
}

/** KV cache changes, in the order they happened. Hashes are u64. */
export type CoreKvEvent =
  | {
      type: 'stored';
      hashes: bigint[];
      parent: bigint | null;
      tokens: Uint32Array;
      blockTokens: number;
      salt: string;
      medium: 'GPU' | 'CPU' | 'STORAGE' | 'REMOTE';
    }
  | { type: 'removed'; hashes: bigint[]; medium: 'GPU' | 'CPU' | 'STORAGE' | 'REMOTE' }
  | { type: 'cleared' };

export interface CoreStats {
  running: number;
  waiting: number;
  blocksUsed: number;
  blocksTotal: number;
  /** Counters since start, in tokens. */
  promptTokens: number;
  cachedTokens: number;
  /** Part of `cachedTokens` per tier. */
  cachedByTier: CachedByTier;
  generatedTokens: number;
  /** Requests sent back for want of memory; absent where that cannot happen. */
  preemptions?: number;
}

export interface EngineCore {
  readonly info: CoreInfo;
  /** Text to ids; `parseSpecial` turns `<|im_start|>`-like text into control tokens. */
  tokenize(text: string, options: { addSpecial: boolean; parseSpecial: boolean }): Uint32Array;
  /** Bytes of one token (may be part of a UTF-8 character). */
  piece(token: number, options: { special: boolean }): Uint8Array;
  isEndOfGeneration(token: number): boolean;
  submit(job: CoreJob): CoreHandle;
  /** One listener, called synchronously after each step that changed the cache. */
  onKvEvents(listener: (events: CoreKvEvent[]) => void): void;
  /** Drops every cached block not in use. */
  clearCache(): void;
  stats(): CoreStats;
  /** Ends all jobs and frees the library. */
  close(): Promise<void>;
}

export interface CoreOptions {
  modelPath: string;
  modelSha256: string;
  contextTokens: number;
  slots: number;
  tiers?: TierOptions;
}

/** Where pages go beyond the slots. Folders may be shared by workers of one model and many. */
export interface TierOptions {
  /** Folder in memory (tmpfs). */
  cpuDir?: string;
  /** Folder on a disk. */
  diskDir?: string;
  /** Address of a remote store. */
  remoteUrl?: string;
  observer: PageObserver;
}
