/** Conversations prepared lately, so that a next turn costs what is new in it. Bounded in number and bytes. */
import type { EngineMessage } from '../request/engine-body.js';
import { commonMessages, isSameMessage } from '../request/same-message.js';
import type { ChatBytes } from './chat-bytes.js';
import type { RenderedTokens } from './local-prompts.js';
import type { PromptSource } from './types.js';

export interface Conversation {
  /** JSON of tools and template variables: conversations with unlike leads have nothing in common. */
  lead: string;
  messages: readonly EngineMessage[];
  bytes: ChatBytes;
  source: PromptSource;
  /** Null where the prompt was not tokenized here. */
  rendered: RenderedTokens | null;
  /** Block hashes of the prompt under one seed. */
  hashes: { seed: bigint; local: BigUint64Array };
}

export interface Found {
  conversation: Conversation;
  /** Leading messages in common, at least one. */
  common: number;
}

export interface MemoBounds {
  countMax: number;
  bytesMax: number;
}

/** Messages that a turn adds at most, for the conversation it goes on from to be found at once. */
const LOOK_BACK = 64;

export class ConversationMemo {
  readonly #bounds: MemoBounds;
  /** Least recently used first. */
  readonly #kept = new Set<Conversation>();
  /** By its last message. */
  readonly #byLast = new Map<EngineMessage, Conversation>();
  #bytes = 0;

  constructor(bounds: MemoBounds) {
    this.#bounds = bounds;
  }

  /** Bytes held, an estimate. */
  get bytes(): number {
    return this.#bytes;
  }

  get size(): number {
    return this.#kept.size;
  }

  /** The one with most messages in common. */
  find(lead: string, messages: readonly EngineMessage[]): Found | null {
    return this.#continued(lead, messages) ?? this.#closest(lead, messages);
  }

  /** The one that is continued, whose messages are still the same objects: none has more in common. */
  #continued(lead: string, messages: readonly EngineMessage[]): Found | null {
    for (let common = messages.length; common > Math.max(0, messages.length - LOOK_BACK); common--) {
      const conversation = this.#byLast.get(messages[common - 1] as EngineMessage);
      if (conversation === undefined || conversation.messages.length !== common) continue;
      if (conversation.lead !== lead) continue;
      if (commonMessages(conversation.messages, messages) === common) return { conversation, common };
    }
    return null;
  }

  #closest(lead: string, messages: readonly EngineMessage[]): Found | null {
    let best: Found | null = null;
    for (const conversation of this.#kept) {
      if (!mayShare(conversation.messages, messages) || conversation.lead !== lead) continue;
      const common = commonMessages(conversation.messages, messages);
      if (common > 0 && common >= (best?.common ?? 0)) best = { conversation, common };
    }
    return best;
  }

  /** Keeps it in the place of `base` where it contains all of that. */
  keep(conversation: Conversation, base: Found | null): void {
    if (base !== null && base.common === base.conversation.messages.length) this.#drop(base.conversation);
    const size = sizeOf(conversation);
    if (size > this.#bounds.bytesMax / 4) return;
    this.#kept.add(conversation);
    this.#byLast.set(conversation.messages.at(-1) as EngineMessage, conversation);
    this.#bytes += size;
    const isFull = (): boolean =>
      this.#bytes > this.#bounds.bytesMax || this.#kept.size > this.#bounds.countMax;
    if (!isFull()) return;
    for (const oldest of this.#kept) {
      if (!isFull()) break;
      this.#drop(oldest);
    }
  }

  clear(): void {
    this.#kept.clear();
    this.#byLast.clear();
    this.#bytes = 0;
  }

  #drop(conversation: Conversation): void {
    if (!this.#kept.delete(conversation)) return;
    this.#bytes -= sizeOf(conversation);
    const last = conversation.messages.at(-1) as EngineMessage;
    if (this.#byLast.get(last) === conversation) this.#byLast.delete(last);
  }
}

/** Sessions of one agent begin alike; their second message, mostly the first of the user, tells them apart at once. */
function mayShare(a: readonly EngineMessage[], b: readonly EngineMessage[]): boolean {
  const at = Math.min(1, a.length - 1, b.length - 1);
  return at < 0 || isSameMessage(a[at] as EngineMessage, b[at] as EngineMessage);
}

/** The JSON, the same text once more as strings, tokens and hashes. */
function sizeOf({ bytes, rendered, hashes, lead }: Conversation): number {
  const tokens = rendered === null ? 0 : rendered.store.buffer.byteLength + rendered.carry.length;
  return bytes.store.buffer.length + bytes.length + tokens + hashes.local.byteLength + lead.length;
}
