/** Window and answer length a harness is told, from what the stack and its recipe say. */

/** Longest answer asked for where nobody says: the figure Claude Code uses for models it does not know. */
const OUTPUT_MAX_TOKENS = 32_000;
/** Share of the window an answer may take: the rest holds the prompt. */
const OUTPUT_SHARE = 1 / 4;
const OUTPUT_SHARE_MAX = 1 / 2;

/** The part of a recipe that speaks about harnesses. */
export interface HarnessHints {
  context_window?: number | undefined;
  output_limit?: number | undefined;
}

export interface ServedLimits {
  contextTokens: number;
  outputLimit: number;
}

/**
 * The served window bounds the recipe's: an engine started with less than the recipe's context would refuse
 * what the harness believes to fit. `outputLimit` is at most half of the window.
 */
export function servedLimits(servedContextTokens: number, hints: HarnessHints): ServedLimits {
  const contextTokens = Math.min(servedContextTokens, hints.context_window ?? servedContextTokens);
  const usual = Math.min(OUTPUT_MAX_TOKENS, Math.floor(contextTokens * OUTPUT_SHARE));
  const outputLimit = Math.min(hints.output_limit ?? usual, Math.floor(contextTokens * OUTPUT_SHARE_MAX));
  return { contextTokens, outputLimit: Math.max(1, outputLimit) };
}
