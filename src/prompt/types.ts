/** Tokens, blocks and regions of one rendered prompt. */
import type { ChatText } from '../request/engine-text.js';

/** What a run of prompt tokens is; retention and telemetry treat kinds unlike. */
export type RegionKind = 'system' | 'tools' | 'conversation' | 'tool_result' | 'reasoning' | 'output';

/** A token range [start, end) of one kind. Regions tile the prompt in order. */
export interface Region {
  kind: RegionKind;
  start: number;
  end: number;
  /** Index into the request's messages, -1 for tools and template text. */
  message: number;
}

/**
 * Where the tokens came from: `local` = our template and tokenizer, proven equal to the engine's;
 * `engine` = the engine's `/tokenize`; `text` = text prefixes only (no token ids, approximate).
 */
export type PromptSource = 'local' | 'engine' | 'text';

export interface PreparedPrompt {
  /** The chat as JSON for the engine's body; absent for a prompt that is no chat. */
  chat?: ChatText;
  tokens: Uint32Array;
  /** Tokens per block in `localHashes`; the trailing partial block has no hash. */
  blockTokens: number;
  /** XXH3-64 of each full block's tokens (little-endian u32), seed 1337 plus LoRA and salt terms. */
  localHashes: BigUint64Array;
  /** Exact where the prompt is ours; finding them renders the chat again. */
  regions: Region[];
  /** By the share of the text: cheap and not exact. */
  roughRegions?: () => Region[];
  source: PromptSource;
}
