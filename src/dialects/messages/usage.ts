/** Usage and stop reasons in Anthropic's words. */
import type { StopReason, Usage } from '../../request/types.js';
import type { EncodeContext } from '../types.js';

const STOP_REASONS: Record<StopReason, string> = {
  stop: 'end_turn',
  length: 'max_tokens',
  tool_use: 'tool_use',
  stop_sequence: 'stop_sequence',
  content_filter: 'refusal',
};

export function messagesStopReason(reason: StopReason): string {
  return STOP_REASONS[reason];
}

/**
 * The whole prompt is the sum of three: read from a cache, computed and marked to be kept, and the rest. What is kept is told by
 * its two lifetimes too.
 */
export function messagesUsage(
  usage: Usage,
  { cacheWrites }: Pick<EncodeContext, 'cacheWrites'> = {},
): Record<string, unknown> {
  const computed = Math.max(0, usage.promptTokens - usage.cachedTokens);
  const writes = cacheWrites?.(usage) ?? { short: 0, long: 0 };
  const long = Math.min(computed, writes.long);
  const short = Math.min(computed - long, writes.short);
  return {
    input_tokens: computed - long - short,
    cache_creation_input_tokens: long + short,
    cache_read_input_tokens: usage.cachedTokens,
    cache_creation: { ephemeral_5m_input_tokens: short, ephemeral_1h_input_tokens: long },
    output_tokens: usage.outputTokens,
  };
}

/** Before the engine has reported: what our own tokenizer counted. */
export function promptUsage(promptTokens: number): Record<string, unknown> {
  return messagesUsage({ promptTokens, cachedTokens: 0, outputTokens: 0, reasoningTokens: 0 });
}
