/** System prompt and messages of a Messages body as turns. */
import type { Block, Message } from '../../request/types.js';
import { type Fields, invalid, isFields, listField, requiredText } from '../fields.js';
import { decodeTurnList } from '../turn-memo.js';
import { TurnList } from '../turns.js';
import type { DecodeContext } from '../types.js';
import { decodeBlocks, textAndImages } from './decode-blocks.js';

export function decodeTurns(body: Fields, context: DecodeContext): Message[] {
  const turns = new TurnList();
  const { system } = body;
  if (system !== undefined && system !== null) turns.system(systemBlocks(system, 'system', context));
  const list = listField(body, 'messages');
  if (list === undefined) throw invalid('messages', 'is required');
  if (list.length === 0) throw invalid('messages', 'must not be empty');
  decodeTurnList(list, turns, (message, index) => {
    const at = `messages[${index}]`;
    if (!isFields(message)) throw invalid(at, 'must be an object');
    addMessage(turns, message, `${at}.`, context);
  });
  if (turns.messages.at(-1)?.role === 'assistant') {
    context.warn(
      'prefill_ignored',
      'a last assistant message is not continued here; the answer is a turn of its own',
    );
  }
  return turns.messages;
}

function addMessage(turns: TurnList, message: Fields, at: string, context: DecodeContext): void {
  const role = requiredText(message, 'role', at);
  const { content } = message;
  // A system message of the beta may only change tools.
  if (role === 'system') {
    turns.system(systemBlocks(content ?? [], `${at}content`, context));
    return;
  }
  if (content === undefined || content === null) throw invalid(`${at}content`, 'is required');
  const blocks = decodeBlocks(content, `${at}content`, context);
  if (role === 'assistant') turns.assistant(blocks);
  else if (role === 'user') turns.user(blocks.map(answerable));
  else throw invalid(`${at}role`, 'must be user, assistant or system');
}

/** An empty system prompt is none: templates would write an empty turn, or leave out their default. */
function systemBlocks(content: unknown, at: string, context: DecodeContext): Block[] {
  const blocks = textAndImages(decodeBlocks(content, at, context));
  return blocks.filter((block) => block.type !== 'text' || block.text !== '');
}

/** A user turn holds text, images and tool results; what an agent echoes of other kinds is read as text. */
function answerable(block: Block): Block {
  if (block.type === 'thinking') return { type: 'text', text: block.text };
  if (block.type === 'redacted_thinking') return { type: 'text', text: '' };
  if (block.type === 'tool_use') return { type: 'text', text: block.arguments };
  return block;
}
