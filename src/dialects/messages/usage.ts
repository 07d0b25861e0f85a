/** Usage and stop reasons in Anthropic's words. */
import type { StopReason, Usage } from '../../request/types.js';

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

/** `input_tokens` counts what was computed; what was read from a cache is told beside it. */
export function messagesUsage(usage: Usage): Record<string, number> {
  return {
    input_tokens: Math.max(0, usage.promptTokens - usage.cachedTokens),
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: usage.cachedTokens,
    output_tokens: usage.outputTokens,
  };
}

/** Before the engine has reported: what our own tokenizer counted. */
export function promptUsage(promptTokens: number): Record<string, number> {
  return messagesUsage({ promptTokens, cachedTokens: 0, outputTokens: 0, reasoningTokens: 0 });
}
