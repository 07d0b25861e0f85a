/**
 * Tokens of chats by the model's own template and tokenizer. A next turn renders, splits and tokenizes only what is
 * new where the template is known to be local (see `template-locality`); any doubt means rendering it all.
 */
import { renderChat } from '../model/chat-template.js';
import type { PromptModel } from '../model/local-model.js';
import type { EngineChat } from '../request/engine-body.js';
import { addedText } from './added-text.js';
import type { Pace } from './pace.js';
import { type EncodedText, ownCopy, type SegmentCache } from './segment-cache.js';
import { type ChatMarks, chatMarks, TemplateLocality } from './template-locality.js';
import { type StoredTokens, stored, withTokens } from './token-store.js';

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
}

/** Where a special token might still begin when more text follows: a few times the longest one's length. */
const MARGIN_TOKENS = 4;

export class LocalPrompts {
  readonly #model: PromptModel;
  readonly #cache: SegmentCache;
  readonly #locality: TemplateLocality;
  readonly #margin: number;

  constructor(model: PromptModel, cache: SegmentCache) {
    this.#model = model;
    this.#cache = cache;
    this.#locality = new TemplateLocality(model.template);
    this.#margin = model.tokenizer.specialCharsMax * MARGIN_TOKENS;
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
    const added = addedText(this.#model.template, chat, common);
    if (added === null) return null;
    return this.#encoded(chat, base.carry + added, { before: base, steps: base.steps + 1, marks });
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
      return { ...made, stableTokens: 0, carry: '', canGrow: false, marks, steps };
    const end = text.length - opening.length;
    const last = runs.findLast(
      (run) => run.isSpecial && run.charStart + run.text.length + this.#margin <= end,
    );
    const chars = last === undefined ? 0 : last.charStart + last.text.length;
    const stableTokens = from + (last === undefined ? 0 : last.tokenStart + 1);
    const carry = ownCopy(text.slice(chars, end));
    return { ...made, stableTokens, carry, canGrow: true, marks, steps };
  }
}
