/** Chats as tokens and blocks; a next turn costs what is new in it, wherever that can be known for certain. */
import { LIMITS } from '../limits.js';
import type { PromptModel } from '../model/local-model.js';
import { type EngineChat, engineChat, toolsJson, toolsText } from '../request/engine-body.js';
import { GrownLists } from '../request/grown-list.js';
import type { CommonRequest, Message } from '../request/types.js';
import { lastFork } from './added-text.js';
import {
  bytesAsTokens,
  type ChatBytes,
  chatBytes,
  messageBytes,
  messageSizes,
  messageTexts,
} from './chat-bytes.js';
import { type ChatThreads, ThreadGone } from './chat-threads.js';
import { type Conversation, ConversationMemo, type Found } from './conversation-memo.js';
import { grownHashes, hashBlocks } from './hash/block-hash.js';
import { LocalPrompts, type RenderedTokens } from './local-prompts.js';
import { Pace } from './pace.js';
import { Prepared } from './prepared.js';
import type { SegmentCache } from './segment-cache.js';
import { localPrompt, regionsByBytes, type TokenizedPrompt } from './sources.js';
import { isEqual } from './token-store.js';
import type { PreparedPrompt, PromptSource, Region } from './types.js';

export interface ChatPromptsOptions {
  local: { model: PromptModel; cache: SegmentCache } | null;
  blockTokens: number;
  /** Every prompt is rendered whole: its tokens are what the engine computes on, not only what routing goes by. */
  isExact: boolean;
  /** For long chats that are all new; without them these are prepared in steps. */
  threads?: ChatThreads;
  warn(sentence: string): void;
}

/** Turns put together that are compared with rendering everything: the first ones, then a sample. */
const FIRST_CHECKS = 8;
const CHECK_EVERY = 256;
/** Rendering more than this for a comparison would hold up everybody else. */
const CHECKED_TOKENS_MAX = 65_536;

/** Characters of a new chat above which it goes to a thread, or is prepared in steps: some 3 ms of work. */
const LONG_CHARS = 65_536;

interface ChatTokens {
  prompt: TokenizedPrompt;
  source: PromptSource;
  rendered: RenderedTokens | null;
}

/** A chat on its way to tokens. */
interface Work {
  chat: EngineChat;
  bytes: ChatBytes;
  found: Found | null;
  /** Null for a short chat. */
  pace: Pace | null;
  signal: AbortSignal | undefined;
}

/** Not thread-safe, one per service. */
export class ChatPrompts {
  readonly #options: ChatPromptsOptions;
  readonly #memo = new ConversationMemo({
    countMax: LIMITS.conversationsKept,
    bytesMax: LIMITS.conversationBytes,
  });
  readonly #prompts: LocalPrompts | null;
  #steps = 0;

  constructor(options: ChatPromptsOptions) {
    this.#options = options;
    const { local, isExact } = options;
    this.#prompts = local === null || isExact ? null : new LocalPrompts(local.model, local.cache);
  }

  /** Gets to know the template ahead of the first request. Never rejects. */
  async learn(): Promise<void> {
    await this.#prompts?.learn(new Pace());
  }

  /**
   * `tokenize` is asked for sources other than `local` and `text`. Rejects where the template refuses the chat, and with
   * the signal's reason where its long chat is given up.
   */
  async prepare(
    request: CommonRequest,
    {
      seed,
      source,
      tokenize,
      signal,
    }: {
      seed: bigint;
      source: PromptSource;
      tokenize: () => Promise<{ prompt: TokenizedPrompt; source: PromptSource }>;
      signal?: AbortSignal | undefined;
    },
  ): Promise<PreparedPrompt> {
    const chat = engineChat(request);
    const lead = leadOf(chat);
    const found = this.#memo.find(lead, chat.messages);
    const pace = sizeOf(request) > LONG_CHARS ? new Pace() : null;
    const isNext = found !== null && found.common === found.conversation.messages.length;
    if (!isNext) await pace?.rest();
    const base = found === null ? null : { bytes: found.conversation.bytes, common: found.common };
    const written =
      isNext || pace === null ? undefined : await messageTexts(chat.messages, base?.common ?? 0, pace);
    const bytes = chatBytes(lead, chat.messages, base, written);
    if (!isNext) await pace?.rest();
    const made =
      source === 'engine'
        ? { ...(await tokenize()), rendered: null }
        : await this.#tokens(request, source, { chat, bytes, found, pace, signal });
    const local = this.#hashes(made.prompt.tokens, seed, found, sameTokens(found, bytes, made));
    const { rendered } = made;
    this.#memo.keep(
      { lead, messages: chat.messages, bytes, rendered, source: made.source, hashes: { seed, local } },
      found,
    );
    return new Prepared(made.prompt, {
      source: made.source,
      blockTokens: this.#options.blockTokens,
      localHashes: local,
      chat: { messages: messageBytes(bytes), tools: toolsJson(chat.tools) },
    });
  }

  async #tokens(request: CommonRequest, source: PromptSource, work: Work): Promise<ChatTokens> {
    const { chat, bytes } = work;
    const { local } = this.#options;
    const tools = chat.tools.length === 0 ? 0 : bytes.leadBytes;
    const shares = (tokens: number) => (): Region[] =>
      regionsByBytes(request, chat, { messages: messageSizes(bytes), tools }, tokens);
    if (source === 'text' || local === null) {
      const tokens = bytesAsTokens(bytes);
      const regions = shares(tokens.length);
      return { prompt: { tokens, regions, roughRegions: regions }, source: 'text', rendered: null };
    }
    const whole = (): TokenizedPrompt => localPrompt(request, local.model, local.cache);
    const rendered =
      this.#prompts === null ? await this.#inThread(work) : await this.#rendered(this.#prompts, work);
    if (rendered === null) return { prompt: whole(), source, rendered: null };
    const { tokens } = rendered;
    const regions = (): Region[] => whole().regions();
    const prompt = { tokens, regions, roughRegions: shares(tokens.length) };
    return { prompt, source, rendered: this.#prompts === null ? null : rendered };
  }

  async #rendered(prompts: LocalPrompts, work: Work): Promise<RenderedTokens> {
    const { chat, found, pace } = work;
    const next = found === null ? null : continued(prompts, chat, found);
    if (next === null) {
      const made = await this.#inThread(work);
      if (made !== null) return made;
      return pace === null ? prompts.whole(chat) : prompts.wholeInSteps(chat, pace);
    }
    if (next !== found?.conversation.rendered) this.#check(prompts, chat, next);
    return next;
  }

  /** Null for a short chat, and where no thread did it. */
  async #inThread({ chat, bytes, pace, signal }: Work): Promise<RenderedTokens | null> {
    if (pace === null) return null;
    const { tools, kwargs } = chat;
    const waiting = this.#options.threads?.render({ tools, kwargs, messages: messageBytes(bytes) }, signal);
    try {
      return (await waiting) ?? null;
    } catch (error) {
      if (error instanceof ThreadGone) return null;
      throw error;
    }
  }

  /** Beside the answering: what was put together is what rendering everything gives. */
  #check(prompts: LocalPrompts, chat: EngineChat, made: RenderedTokens): void {
    this.#steps += 1;
    const isDue = this.#steps <= FIRST_CHECKS || this.#steps % CHECK_EVERY === 0;
    if (!isDue || made.tokens.length > CHECKED_TOKENS_MAX) return;
    // A later turn may be written over its last tokens by then.
    const tokens = made.tokens.slice();
    setImmediate(() => this.#compare(prompts, chat, tokens));
  }

  #compare(prompts: LocalPrompts, chat: EngineChat, tokens: Uint32Array): void {
    if (isEqual(prompts.whole(chat).tokens, tokens)) return;
    prompts.distrust();
    this.#memo.clear();
    this.#options.warn(
      'The chat template changes earlier turns in a way its probes did not show; prompts are rendered whole from now on.',
    );
  }

  /** Hashes of blocks within the first `same` tokens are taken from the turn before. */
  #hashes(tokens: Uint32Array, seed: bigint, found: Found | null, same: number): BigUint64Array {
    const { blockTokens } = this.#options;
    const before = found?.conversation.hashes;
    if (before === undefined || before.seed !== seed) return hashBlocks(tokens, blockTokens, seed);
    const kept = Math.min(before.local.length, Math.floor(same / blockTokens));
    const total = Math.floor(tokens.length / blockTokens);
    if (kept === total && kept === before.local.length) return before.local;
    return grownHashes(
      before.local,
      kept,
      hashBlocks(tokens.subarray(kept * blockTokens), blockTokens, seed),
    );
  }
}

/** One text for the conversations with the same list of tools: comparing it with itself costs nothing. */
function leadOf({ tools, kwargs }: EngineChat): string {
  const variables = JSON.stringify(kwargs);
  const known = leads.get(tools);
  if (known?.variables === variables) return known.lead;
  const lead = toolsText(tools) + variables;
  leads.set(tools, { variables, lead });
  return lead;
}

const leads = new WeakMap<EngineChat['tools'], { variables: string; lead: string }>();

/** The chat as it goes on from the conversation found, or from where it left that; null where it must be rendered whole. */
function continued(
  prompts: LocalPrompts,
  chat: EngineChat,
  { conversation, common }: Found,
): RenderedTokens | null {
  const { rendered: base, messages } = conversation;
  if (base === null) return null;
  if (common === messages.length) return prompts.next(chat, base, common);
  const at = lastFork(messages, chat.messages, common);
  const earlier = at === null ? null : prompts.rewound({ ...chat, messages }, base, at);
  return at === null || earlier === null ? null : prompts.next(chat, earlier, at);
}

/** Leading tokens that are those of the conversation found. */
function sameTokens(found: Found | null, bytes: ChatBytes, { source, rendered }: ChatTokens): number {
  if (found === null || found.conversation.source !== source) return 0;
  if (source === 'text') return (bytes.ends[found.common - 1] as number) >> 2;
  const before: Conversation['rendered'] = found.conversation.rendered;
  if (rendered === null || before === null) return 0;
  if (rendered === before) return rendered.tokens.length;
  return rendered.kept;
}

/** Characters of the texts of a chat, roughly. */
function sizeOf({ input }: CommonRequest): number {
  if (input.kind !== 'chat') return 0;
  const before = sizes.find(input.messages);
  let chars = before?.made ?? 0;
  for (let at = before?.count ?? 0; at < input.messages.length; at++) {
    for (const block of (input.messages[at] as Message).blocks) {
      if (block.type === 'text') chars += block.text.length;
      else if (block.type === 'tool_use') chars += block.arguments.length;
      else if (block.type === 'tool_result')
        for (const part of block.content) chars += part.type === 'text' ? part.text.length : 0;
    }
  }
  sizes.keep(input.messages, input.messages.length, chars);
  return chars;
}

const sizes = new GrownLists<Message, number>();
