/**
 * Tokens of chats by the model's own template and tokenizer. A next turn renders, splits and tokenizes only what is
 * new where the template is known to be local (see `template-locality`); any doubt means rendering it all.
 */
import { renderChat } from '../model/chat-template.js';
import type { PromptModel } from '../model/local-model.js';
import type { EngineChat } from '../request/engine-body.js';
import { addedText } from './added-text.js';
import type { Pace } from './pace.js';
import { type EncodedText, ownCopy, type SegmentCache, type TokenRun } from './segment-cache.js';
import { type ChatMarks, chatMarks, TemplateLocality } from './template-locality.js';
import { isEqual, type StoredTokens, stored, withTokens } from './token-store.js';

/** A tokenized chat and what it takes to go on from it. */
export interface RenderedTokens extends StoredTokens {
  /** Leading tokens that no later turn can change: they end with a special token. */
  stableTokens: number;
  /** Text of the conversation after those, without the opening of the answer. */
  carry: string;
  /** A later turn can be added; false where the opening of the answer could not be told apart. */
  canGrow: boolean;
  marks: ChatMarks;
  /** Turns added since everything was rendered. */
  steps: number;
  /** Leading tokens taken over from the turn before. */
  kept: number;
}

export class LocalPrompts {
  readonly #model: PromptModel;
  readonly #cache: SegmentCache;
  readonly #locality: TemplateLocality;

  constructor(model: PromptModel, cache: SegmentCache) {
    this.#model = model;
    this.#cache = cache;
    this.#locality = new TemplateLocality(model.template);
  }

  /** Everything rendered. Throws like `renderChat`. */
  whole(chat: EngineChat): RenderedTokens {
    const text = renderChat(this.#model.template, { ...chat, addGenerationPrompt: true });
    const marks = chatMarks(chat.messages);
    return this.#encoded(chat, text, { before: null, steps: 0, marks });
  }

  /** The same for a long chat: others get their turn between the steps, none of which takes long. */
  async wholeInSteps(chat: EngineChat, pace: Pace): Promise<RenderedTokens> {
    const text = renderChat(this.#model.template, { ...chat, addGenerationPrompt: true });
    await pace.rest();
    const marks = chatMarks(chat.messages);
    const work = this.#cache.encoding(text);
    for (;;) {
      const { done, value } = work.next();
      if (done === true) {
        await pace.rest();
        return this.#encoded(chat, text, { before: null, steps: 0, marks }, value);
      }
      if (pace.isTired) await pace.rest();
    }
  }

  /**
   * The turn after `base`, whose chat is `messages` up to `common` with the same tools and variables. Null where only
   * rendering everything gives certainty.
   */
  next(chat: EngineChat, base: RenderedTokens, common: number): RenderedTokens | null {
    if (common === chat.messages.length) return base;
    const marks = chatMarks(chat.messages, common, base.marks);
    if (!base.canGrow || !this.#locality.allows(chat, common, marks)) return null;
    const text = addedText(this.#model.template, chat, common);
    if (text === null) return null;
    return this.#encoded(chat, base.carry + text.added, { before: base, steps: base.steps + 1, marks });
  }

  /**
   * The chat of `base` as it was at its message `at`, to go on from there in another way: what came later is made once more
   * and must be found at the end of the tokens. Null where that is not so. Its own last tokens are not those of a prompt.
   */
  rewound(chat: EngineChat, base: RenderedTokens, at: number): RenderedTokens | null {
    if (!base.canGrow || !this.#locality.allows(chat, at, base.marks)) return null;
    const text = addedText(this.#model.template, chat, at);
    if (text === null) return null;
    const last = this.#lastSpecial(this.#cache.encode(text.before), text.before);
    if (last === undefined) return null;
    const carry = text.before.slice(last.charStart + last.text.length);
    const { tokens: tail } = this.#cache.encode(carry + text.added);
    const stableTokens = base.tokens.length - tail.length;
    const isThere =
      base.tokens[stableTokens - 1] === last.tokens[0] && isEqual(base.tokens.subarray(stableTokens), tail);
    if (!isThere) return null;
    const { hasParts, hasReasoning } = base.marks;
    const marks = hasParts || hasReasoning ? chatMarks(chat.messages.slice(0, at)) : base.marks;
    // Whoever holds the base goes on holding its tokens: they are copied, not written over.
    const store = { ...base.store, used: 0 };
    return { ...base, store, stableTokens, carry: ownCopy(carry), marks };
  }

  /** Gets to know the template ahead of the first request, others having their turn between the steps. */
  async learn(pace: Pace): Promise<void> {
    for (const _step of this.#locality.learn()) await pace.rest();
  }

  /** The template turned out not to be local after all: everything is rendered from now on. */
  distrust(): void {
    this.#locality.distrust();
  }

  /** `text` continues the stable tokens of `before`. */
  #encoded(
    chat: EngineChat,
    text: string,
    { before, steps, marks }: { before: RenderedTokens | null; steps: number; marks: ChatMarks },
    encoded: EncodedText = this.#cache.encode(text),
  ): RenderedTokens {
    const { tokens: after, runs } = encoded;
    const from = before?.stableTokens ?? 0;
    const made = before === null ? stored(after) : withTokens(before, from, after);
    const opening = this.#locality.opening(chat);
    if (opening === null || !text.endsWith(opening))
      return { ...made, stableTokens: 0, carry: '', canGrow: false, marks, steps, kept: from };
    const end = text.length - opening.length;
    const last = this.#lastSpecial({ runs }, text.slice(0, end));
    const chars = last === undefined ? 0 : last.charStart + last.text.length;
    const stableTokens = from + (last === undefined ? 0 : last.tokenStart + 1);
    const carry = ownCopy(text.slice(chars, end));
    return { ...made, stableTokens, carry, canGrow: true, marks, steps, kept: from };
  }

  /** The last special token of the text that no text after it can change. */
  #lastSpecial({ runs }: Pick<EncodedText, 'runs'>, text: string): TokenRun | undefined {
    const settled = this.#model.tokenizer.settledChars(text);
    return runs.findLast((run) => run.isSpecial && run.charStart + run.text.length <= settled);
  }
}
