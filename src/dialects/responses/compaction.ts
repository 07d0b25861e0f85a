/**
 * Compaction: a conversation becomes a summary by the model that had it, opaque to clients, who send it back in place
 * of the conversation. Nothing is secret in it, so the blob is the text itself, marked as ours.
 */
import { LIMITS } from '../../limits.js';
import type { Block, Message, TextBlock } from '../../request/types.js';
import type { TurnList } from '../turns.js';

const PREFIX = 'dynamo1c.';

/** The last turn of the conversation that is summarised. The turns before it stay as they are, and so cached. */
const REQUEST = [
  'Stop here and write a summary of this conversation for a colleague who takes over and will see the summary only.',
  'State: what the user wants, with every instruction and preference given; what was done and decided, and why; names of',
  'files, functions, commands and values exactly as they are; results that matter; what is open, and the next step.',
  'Answer with the summary as plain text. Do not call tools and do not go on with the work.',
].join('\n');

const HEADING = 'This is a summary of the conversation so far, which was left out:';

export function askForSummary(turns: TurnList): void {
  turns.user([{ type: 'text', text: REQUEST }]);
}

export function summaryBlob(summary: string): string {
  return PREFIX + Buffer.from(summary, 'utf8').toString('base64');
}

/** The turn a compaction item stands for; undefined for a blob that is not ours. */
export function summaryBlocks(blob: unknown): TextBlock[] | undefined {
  if (typeof blob !== 'string' || !blob.startsWith(PREFIX)) return undefined;
  return blocksOf(Buffer.from(blob.slice(PREFIX.length), 'base64').toString('utf8'));
}

/** The conversation as it goes on after a compaction: what was said to the model, and the summary for the rest. */
export function compactedTurns(messages: readonly Message[], summary: string): Message[] {
  return [...keptTurns(messages), { role: 'user', blocks: blocksOf(summary) }];
}

/**
 * Turns that are kept word for word: the system's and the user's own, the newest first to be kept as far as
 * `LIMITS.compactKeptChars` go. The summary speaks of the others.
 */
export function keptTurns(messages: readonly Message[]): Message[] {
  let left: number = LIMITS.compactKeptChars;
  const kept: Message[] = [];
  for (const message of messages.toReversed()) {
    const blocks = message.blocks.filter(({ type }) => type === 'text' || type === 'image');
    if (message.role === 'assistant' || blocks.length === 0) continue;
    left -= blocks.reduce((chars, block) => chars + charsOf(block), 0);
    if (message.role === 'system' || left >= 0) kept.push({ role: message.role, blocks });
  }
  return kept.reverse();
}

function blocksOf(summary: string): TextBlock[] {
  return [{ type: 'text', text: `${HEADING}\n\n${summary}` }];
}

function charsOf(block: Block): number {
  if (block.type === 'image') return block.data.length;
  return block.type === 'text' ? block.text.length : 0;
}
