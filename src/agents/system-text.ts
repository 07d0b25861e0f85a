/** The beginnings of a request's system prompt and last turn, for harness files that tell calls apart by them. */
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

/** Text blocks of the last turn looked at: what a harness adds comes last. */
const LAST_BLOCKS = 4;

/** Beginnings of the last text blocks of the last turn; empty when it is not the user's. */
export function lastTurnTexts(request: CommonRequest): string[] {
  const last = request.input.kind === 'chat' ? request.input.messages.at(-1) : undefined;
  if (last?.role !== 'user') return [];
  return last.blocks
    .slice(-LAST_BLOCKS)
    .flatMap((block) => (block.type === 'text' ? [block.text.slice(0, LOOK_CHARS)] : []));
}
