/** Stop reasons in OpenAI's words. */
import type { StopReason } from '../../request/types.js';

const NAMES: Record<StopReason, string> = {
  stop: 'stop',
  length: 'length',
  tool_use: 'tool_calls',
  stop_sequence: 'stop',
  content_filter: 'content_filter',
};

/** `isLegacy`: the client declared `functions`, whose calls have a word of their own. */
export function finishReason(reason: StopReason, isLegacy = false): string {
  return isLegacy && reason === 'tool_use' ? 'function_call' : NAMES[reason];
}
