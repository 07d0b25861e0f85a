/** Stop reasons in OpenAI's words. */
import type { StopReason } from '../../request/types.js';

const NAMES: Record<StopReason, string> = {
  stop: 'stop',
  length: 'length',
  tool_use: 'tool_calls',
  stop_sequence: 'stop',
  content_filter: 'content_filter',
};

export function finishReason(reason: StopReason): string {
  return NAMES[reason];
}
