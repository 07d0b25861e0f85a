/** The system prompt of a request, for harness files that tell calls apart by it. */
import type { CommonRequest } from '../request/types.js';

/** Characters looked at: what tells a title call from a real one stands at the start. */
const LOOK_CHARS = 2_000;

export function systemText(request: CommonRequest): string {
  if (request.input.kind !== 'chat') return '';
  const [first] = request.input.messages;
  if (first?.role !== 'system') return '';
  let text = '';
  for (const block of first.blocks) {
    if (block.type === 'text') text += block.text.slice(0, LOOK_CHARS);
    if (text.length >= LOOK_CHARS) break;
  }
  return text.slice(0, LOOK_CHARS);
}
