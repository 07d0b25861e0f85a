/** The last prompts of each session, as far as is needed to say where the next one differs. No text is kept, only tokens. */
import { LIMITS } from '../limits.js';
import { GrownLists } from '../request/grown-list.js';
import type { Block, CommonRequest, Message } from '../request/types.js';
import type { Divergence } from './miss-cause.js';

/** A run of prompt tokens of one kind; `message` counts from 0, -1 for tools and template text. */
export interface PromptRegion {
  kind: string;
  start: number;
  end: number;
  message: number;
}

/** A prompt as this room needs it. */
export interface PromptFacts {
  readonly tokens: Uint32Array;
  readonly blockTokens: number;
  /** Costly where the chat has to be rendered again: read only where two prompts differ. */
  readonly regions: readonly PromptRegion[];
}

export interface RememberedPrompt {
  tokens: Uint32Array;
  salt: string;
  toolsMark: string;
  messages: readonly MessageMark[];
  worker: string;
  /** Unix milliseconds. */
  at: number;
}

/** Two messages with equal marks are most probably equal but for their reasoning. */
interface MessageMark {
  mark: string;
  hasReasoning: boolean;
}

/** Bounded by the bytes of all tokens kept; the session longest unused goes first. */
export class PromptMemory {
  readonly #bytesMax: number;
  readonly #sessions = new Map<string, RememberedPrompt[]>();
  #bytes = 0;

  constructor(bytesMax: number = LIMITS.missMemoryBytes) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /**
   * The remembered prompt of the session that shares most with this one, the newest among equals, and how many tokens; null
   * for a session nothing is known of.
   */
  closest(session: string, tokens: Uint32Array): { prompt: RememberedPrompt; common: number } | null {
    let best: { prompt: RememberedPrompt; common: number } | null = null;
    for (const prompt of this.#sessions.get(session) ?? []) {
      const common = commonTokens(prompt.tokens, tokens);
      if (best === null || common >= best.common) best = { prompt, common };
    }
    return best;
  }

  /** A prompt that goes on from a remembered one takes its place. */
  add(session: string, prompt: RememberedPrompt): void {
    const prompts = this.#sessions.get(session) ?? [];
    this.#sessions.delete(session);
    this.#sessions.set(session, prompts);
    const before = prompts.findIndex(
      ({ tokens }) => commonTokens(tokens, prompt.tokens) * 2 >= tokens.length,
    );
    const gone = before >= 0 ? before : prompts.length >= LIMITS.missPromptsPerSession ? 0 : -1;
    if (gone >= 0) this.#bytes -= prompts.splice(gone, 1)[0]?.tokens.byteLength ?? 0;
    prompts.push(prompt);
    this.#bytes += prompt.tokens.byteLength;
    this.#trim();
  }

  #trim(): void {
    for (const [session, prompts] of this.#sessions) {
      const isFull = this.#bytes > this.#bytesMax || this.#sessions.size > LIMITS.sessionsKept;
      if (!isFull) return;
      this.#sessions.delete(session);
      for (const { tokens } of prompts) this.#bytes -= tokens.byteLength;
    }
  }
}

export function remember(
  request: CommonRequest,
  prompt: PromptFacts,
  { at, worker }: { at: number; worker: string },
): RememberedPrompt {
  const { input, tools, hints } = request;
  return {
    tokens: prompt.tokens,
    salt: hints.cacheSalt ?? '',
    toolsMark: `${tools.length}:${tools.map(({ name }) => name).join(',')}`,
    messages: input.kind === 'chat' ? marksOf(input.messages) : [],
    worker,
    at,
  };
}

/** Where and why a prompt differs from one before; null when it only adds to it. */
export function divergenceOf(
  request: CommonRequest,
  prompt: PromptFacts,
  { prompt: before, common }: { prompt: RememberedPrompt; common: number },
): Divergence | null {
  const now = remember(request, prompt, { at: 0, worker: before.worker });
  if (now.salt !== before.salt) {
    return { token: 0, message: -1, role: null, kind: 'salt', cause: 'salt' };
  }
  // A template closes an unfinished turn anew each time: the generation prompt at the end is no difference.
  const isGeneration = before.tokens.length - common < GENERATION_TOKENS && prompt.tokens.length > common;
  if (common === before.tokens.length || (isGeneration && hasAllMessages(before, now))) return null;
  const region = prompt.regions.find(({ end }) => end > common);
  const message = region?.message ?? -1;
  const kind = region?.kind ?? 'conversation';
  const role =
    request.input.kind === 'chat' && message >= 0 ? (request.input.messages[message]?.role ?? null) : null;
  return { token: common, message, role, kind, cause: differenceOf({ kind, role, message }, before, now) };
}

/** Tokens with which a template asks for the next turn. */
const GENERATION_TOKENS = 16;

function differenceOf(
  { kind, role, message }: { kind: string; role: string | null; message: number },
  before: RememberedPrompt,
  now: RememberedPrompt,
): Divergence['cause'] {
  if (kind === 'tools') return 'tools';
  const isHead = kind === 'system' || role === 'system' || message < 0;
  if (isHead && before.toolsMark !== now.toolsMark) return 'tools';
  if (kind === 'system' || role === 'system') return 'preamble';
  // The turn with the reasoning, or the one after it: where the template begins to differ depends on its frames.
  for (const at of [message - 1, message]) {
    const [old, own] = [before.messages[at], now.messages[at]];
    if (old?.hasReasoning === true && own !== undefined && old.mark === own.mark) return 'reasoning_dropped';
  }
  return before.toolsMark !== now.toolsMark && message <= 0 ? 'tools' : 'message_changed';
}

/** What was sent before is still there, message for message. */
function hasAllMessages(before: RememberedPrompt, now: RememberedPrompt): boolean {
  return (
    before.messages.length < now.messages.length &&
    before.messages.every(({ mark }, at) => now.messages[at]?.mark === mark)
  );
}

const markLists = new GrownLists<Message, readonly MessageMark[]>();

function marksOf(messages: readonly Message[]): readonly MessageMark[] {
  const before = markLists.find(messages);
  if (before !== null && before.count === messages.length) return before.made;
  const made = before === null ? [] : [...before.made];
  for (let at = made.length; at < messages.length; at++) made.push(markOf(messages[at] as Message));
  markLists.keep(messages, messages.length, made);
  return made;
}

/** By the turn: most of a conversation's turns are the same objects in its next request. */
const marks = new WeakMap<Message, MessageMark>();

/** Cheap: lengths and both ends of each text, reasoning left out. */
function markOf(message: Message): MessageMark {
  const known = marks.get(message);
  if (known !== undefined) return known;
  const parts: string[] = [message.role];
  let hasReasoning = false;
  for (const block of message.blocks) {
    if (block.type === 'thinking' || block.type === 'redacted_thinking') hasReasoning = true;
    else parts.push(blockMark(block));
  }
  const made = { mark: parts.join('|'), hasReasoning };
  marks.set(message, made);
  return made;
}

function blockMark(block: Exclude<Block, { type: 'thinking' | 'redacted_thinking' }>): string {
  switch (block.type) {
    case 'text':
      return ends(block.text);
    case 'image':
      return `image${block.data.length}`;
    case 'tool_use':
      return `${block.name}${ends(block.arguments)}`;
    case 'tool_result':
      return block.content.map((part) => (part.type === 'text' ? ends(part.text) : 'image')).join('+');
  }
}

const EDGE = 8;
/** A copy: a slice would keep the whole text in memory. */
const ends = (text: string): string =>
  Buffer.from(`${text.length}${text.slice(0, EDGE)}${text.slice(-EDGE)}`, 'utf16le').toString('utf16le');

/** At memory speed: a conversation's next prompt has most of the one before. */
function commonTokens(a: Uint32Array, b: Uint32Array): number {
  let low = 0;
  let high = Math.min(a.length, b.length);
  // A conversation's prompts mostly lie in one memory.
  const isOne = a.buffer === b.buffer && a.byteOffset === b.byteOffset;
  if (isOne || isSame(a, b, 0, high)) return high;
  // The first difference lies after `low`, before `high`.
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (isSame(a, b, low, middle)) low = middle;
    else high = middle;
  }
  return low;
}

function isSame(a: Uint32Array, b: Uint32Array, start: number, end: number): boolean {
  return Buffer.compare(bytesOf(a, start, end), bytesOf(b, start, end)) === 0;
}

function bytesOf({ buffer, byteOffset }: Uint32Array, start: number, end: number): Uint8Array {
  return new Uint8Array(buffer, byteOffset + start * 4, (end - start) * 4);
}
