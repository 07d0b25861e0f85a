/** A prepared prompt whose regions are found when somebody asks. */
import type { ChatText } from '../request/engine-text.js';
import type { TokenizedPrompt } from './sources.js';
import type { PreparedPrompt, PromptSource, Region } from './types.js';

export class Prepared implements PreparedPrompt {
  readonly tokens: Uint32Array;
  readonly blockTokens: number;
  readonly localHashes: BigUint64Array;
  readonly source: PromptSource;
  readonly chat?: ChatText;
  readonly #prompt: TokenizedPrompt;
  #regions: Region[] | null = null;

  constructor(prompt: TokenizedPrompt, known: Omit<PreparedPrompt, 'tokens' | 'regions'>) {
    this.tokens = prompt.tokens;
    this.blockTokens = known.blockTokens;
    this.localHashes = known.localHashes;
    this.source = known.source;
    if (known.chat !== undefined) this.chat = known.chat;
    this.#prompt = prompt;
  }

  /** Routing needs no regions, and finding them renders the chat again: only whoever reads them pays. */
  get regions(): Region[] {
    this.#regions ??= this.#prompt.regions();
    return this.#regions;
  }

  /** By the share of the text where the exact ones are not at hand. */
  roughRegions(): Region[] {
    return this.#regions ?? this.#prompt.roughRegions();
  }
}
