/** From a request to tokens, blocks and regions: what the gateway asks of the prompt room. */
import { availableParallelism } from 'node:os';
import { DynamoError } from '../errors.js';
import { LIMITS } from '../limits.js';
import type { PromptModel } from '../model/local-model.js';
import type { CommonRequest } from '../request/types.js';
import { ChatPrompts } from './chat-prompts.js';
import { ChatThreads } from './chat-threads.js';
import type { EngineTokenize } from './engine-tokenize.js';
import { blockSeed, hashBlocks } from './hash/block-hash.js';
import { Prepared } from './prepared.js';
import { SegmentCache } from './segment-cache.js';
import { enginePrompt, localPrompt, type TokenizedPrompt, textPrompt } from './sources.js';
import type { StartThread } from './start-thread.js';
import type { PreparedPrompt, PromptSource } from './types.js';

/**
 * Contract: `prepare` never rejects for a valid request; when ours cannot tokenize it falls back and says so.
 * It rejects with `invalid_request` or `unsupported` where the template refuses the conversation, as the engine would,
 * and with the signal's reason where a long chat that waits for its turn is given up.
 */
export interface PromptService {
  prepare(request: CommonRequest, signal?: AbortSignal): Promise<PreparedPrompt>;
}

export interface PromptOptions {
  /** The served model's own template and tokenizer; null when they are not at hand. */
  local: PromptModel | null;
  /** Tokens per block. */
  blockTokens: number;
  /** Engines compute on our tokens: every chat is rendered whole, nothing put together from its turn before. */
  isExact?: boolean;
  /** Starts threads for long new chats; without it they are prepared in steps on the event loop. */
  startThread?: StartThread;
  /** Told once per change for the worse: a sentence for the user. */
  warn(sentence: string): void;
}

/** The service as the composition root holds it. */
export interface SwitchablePromptService extends PromptService {
  readonly source: PromptSource;
  readonly local: PromptModel | null;
  readonly blockTokens: number;
  warn(sentence: string): void;
  /** Tokens by our own template and tokenizer, whatever the source is. Throws like `prepare`; null without a local model. */
  localTokens(request: CommonRequest): Uint32Array | null;
  /** Text of tokens, special ones included; null where they are not known to be ours. */
  textOf(tokens: ArrayLike<number>): string | null;
  /** Takes tokens from the engine from now on. */
  switchToEngine(tokenize: EngineTokenize): void;
  /** Works on text prefixes from now on. */
  switchToText(): void;
  /** Gets to know the model's template ahead of the first request. Never rejects. */
  learn(): Promise<void>;
  /** Ends the threads. */
  close(): Promise<void>;
}

/** Starts with local tokens where there is a local model, else with text; `selfCheck` decides what stays. */
export function createPromptService(options: PromptOptions): SwitchablePromptService {
  return new Service(options);
}

class Service implements SwitchablePromptService {
  readonly local: PromptModel | null;
  readonly blockTokens: number;
  private readonly cache: SegmentCache | null;
  private readonly chats: ChatPrompts;
  private readonly threads: ChatThreads | null;
  private tokenize: EngineTokenize | null = null;
  private current: PromptSource;
  private hasWarned = false;

  constructor(private readonly options: PromptOptions) {
    this.local = options.local;
    this.blockTokens = options.blockTokens;
    this.cache =
      options.local === null ? null : new SegmentCache(options.local.tokenizer, LIMITS.segmentCacheBytes);
    this.current = options.local === null ? 'text' : 'local';
    this.threads = threadsFor(options);
    this.chats = new ChatPrompts({
      ...(this.threads === null ? {} : { threads: this.threads }),
      local: this.local === null || this.cache === null ? null : { model: this.local, cache: this.cache },
      blockTokens: this.blockTokens,
      isExact: options.isExact ?? false,
      warn: (sentence) => this.warn(sentence),
    });
  }

  get source(): PromptSource {
    return this.current;
  }

  warn(sentence: string): void {
    this.options.warn(sentence);
  }

  textOf(tokens: ArrayLike<number>): string | null {
    return this.current === 'local' ? (this.local?.tokenizer.decode(tokens) ?? null) : null;
  }

  switchToEngine(tokenize: EngineTokenize): void {
    this.tokenize = tokenize;
    this.current = 'engine';
  }

  switchToText(): void {
    this.current = 'text';
  }

  learn(): Promise<void> {
    return this.chats.learn();
  }

  async close(): Promise<void> {
    await this.threads?.close();
  }

  localTokens(request: CommonRequest): Uint32Array | null {
    return this.local === null || this.cache === null
      ? null
      : localPrompt(request, this.local, this.cache).tokens;
  }

  async prepare(request: CommonRequest, signal?: AbortSignal): Promise<PreparedPrompt> {
    const seed = blockSeed({ loraName: undefined, cacheSalt: request.hints.cacheSalt });
    const tokenize = () => this.tokenized(request);
    if (request.input.kind === 'chat')
      return this.chats.prepare(request, { seed, source: this.current, tokenize, signal });
    const { prompt, source } = await tokenize();
    const localHashes = hashBlocks(prompt.tokens, this.blockTokens, seed);
    return new Prepared(prompt, { source, blockTokens: this.blockTokens, localHashes });
  }

  private async tokenized(
    request: CommonRequest,
  ): Promise<{ prompt: TokenizedPrompt; source: PromptSource }> {
    if (this.current === 'local' && this.local !== null && this.cache !== null) {
      return { prompt: localPrompt(request, this.local, this.cache), source: 'local' };
    }
    if (this.current === 'engine' && this.tokenize !== null) {
      try {
        return { prompt: await enginePrompt(request, this.tokenize), source: 'engine' };
      } catch (error) {
        this.warnOnce(
          `The engine could not tokenize a request (${reasonOf(error)}); its text prefix is used instead.`,
        );
      }
    }
    return { prompt: textPrompt(request), source: 'text' };
  }

  private warnOnce(sentence: string): void {
    if (!this.hasWarned) this.options.warn(sentence);
    this.hasWarned = true;
  }
}

/** One core is the event loop's. */
function threadsFor({ startThread: start, warn }: PromptOptions): ChatThreads | null {
  const threadsMax = Math.min(THREADS_MAX, Math.max(1, availableParallelism() - 1));
  return start === undefined ? null : new ChatThreads({ start, threadsMax, warn });
}

/** Each holds a vocabulary of its own. */
const THREADS_MAX = 2;

function reasonOf(error: unknown): string {
  return error instanceof DynamoError || error instanceof Error ? error.message : String(error);
}
