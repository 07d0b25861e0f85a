/** Messages of a chat-completions body as turns. */
import type { Block, ImageBlock, Message, TextBlock, ToolUseBlock } from '../../request/types.js';
import {
  type Fields,
  invalid,
  isFields,
  listField,
  requiredText,
  shown,
  textField,
  unsupported,
} from '../fields.js';
import { lenientMark } from '../hints.js';
import { imageFromUrl } from '../images.js';
import { argumentText, freeformArguments } from '../tools.js';
import { decodeTurnList } from '../turn-memo.js';
import { TurnList } from '../turns.js';

export function decodeChatMessages(body: Fields): Message[] {
  const list = listField(body, 'messages');
  if (list === undefined) throw invalid('messages', 'is required');
  if (list.length === 0) throw invalid('messages', 'must not be empty');
  const turns = new TurnList();
  decodeTurnList(list, turns, (message, index) => {
    const at = `messages[${index}]`;
    if (!isFields(message)) throw invalid(at, 'must be an object');
    addMessage(turns, message, `${at}.`);
  });
  return turns.messages;
}

function addMessage(turns: TurnList, message: Fields, at: string): void {
  const { role } = message;
  switch (role) {
    case 'system':
    case 'developer':
      turns.system(decodeChatContent(message['content'], `${at}content`));
      break;
    case 'user':
      turns.user(decodeChatContent(message['content'], `${at}content`));
      break;
    case 'assistant':
      turns.assistant(assistantBlocks(message, at));
      break;
    case 'tool':
    case 'function':
      turns.toolResult({
        type: 'tool_result',
        toolUseId:
          role === 'tool' ? requiredText(message, 'tool_call_id', at) : requiredText(message, 'name', at),
        content: decodeChatContent(message['content'], `${at}content`),
        isError: false,
      });
      break;
    default:
      throw invalid(`${at}role`, 'must be system, developer, user, assistant or tool');
  }
}

/** Thinking first, then text, then calls: the order in which an engine gives them. */
function assistantBlocks(message: Fields, at: string): Block[] {
  const thinking = thinkingOf(message);
  const text = message['content'] ?? message['refusal'];
  const hasText = text !== undefined && text !== null && text !== '';
  return [
    ...(thinking === '' ? [] : [{ type: 'thinking' as const, text: thinking }]),
    ...(hasText ? decodeChatContent(text, `${at}content`) : []),
    ...toolCalls(message, at),
  ];
}

/** Under either name, which clients send back as they got them, often both: then it is the same text twice. */
function thinkingOf(message: Fields): string {
  const { reasoning_content: content, reasoning } = message;
  if (typeof content === 'string' && content !== '') return content;
  return typeof reasoning === 'string' ? reasoning : '';
}

/** A string or a list of parts. Throws `unsupported` for parts no engine here can take. */
export function decodeChatContent(content: unknown, at: string): (TextBlock | ImageBlock)[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  if (content === undefined || content === null) return [];
  if (!Array.isArray(content)) throw invalid(at, 'must be a string or a list of parts');
  return content.map((part, index) => {
    const where = `${at}[${index}]`;
    if (typeof part === 'string') return { type: 'text', text: part };
    if (!isFields(part)) throw invalid(where, 'must be an object');
    return decodePart(part, where);
  });
}

function decodePart(part: Fields, at: string): TextBlock | ImageBlock {
  const cache = lenientMark(part['cache_control']);
  const mark = cache === undefined ? {} : { cache };
  switch (part['type']) {
    case undefined:
    case 'text':
      return { type: 'text', text: requiredText(part, 'text', `${at}.`), ...mark };
    case 'refusal':
      return { type: 'text', text: requiredText(part, 'refusal', `${at}.`) };
    case 'image_url': {
      const image = part['image_url'];
      const url = isFields(image) ? image['url'] : image;
      if (typeof url !== 'string') throw invalid(`${at}.image_url.url`, 'must be a string');
      return { ...imageFromUrl(url, `${at}.image_url.url`), ...mark };
    }
    case 'input_audio':
      throw unsupported(`${at}.type`, 'audio cannot be read here; send its transcript as text');
    case 'file':
      throw unsupported(`${at}.type`, 'files cannot be read here; send their text');
    default:
      // Clients mix dialects: `input_text` and `output_text` are text all the same.
      if (typeof part['text'] === 'string') return { type: 'text', text: part['text'], ...mark };
      throw unsupported(`${at}.type`, `parts of type ${shown(part['type'])} cannot be read here`);
  }
}

function toolCalls(message: Fields, at: string): ToolUseBlock[] {
  const calls = listField(message, 'tool_calls', at) ?? [];
  const decoded = calls.map((call, index) => {
    const where = `${at}tool_calls[${index}]`;
    if (!isFields(call)) throw invalid(where, 'must be an object');
    return toolCall(call, `${where}.`);
  });
  const legacy = message['function_call'];
  if (!isFields(legacy)) return decoded;
  const name = requiredText(legacy, 'name', `${at}function_call.`);
  return [...decoded, { type: 'tool_use', id: name, name, arguments: argumentText(legacy['arguments']) }];
}

function toolCall(call: Fields, at: string): ToolUseBlock {
  const id = requiredText(call, 'id', at);
  if (isFields(call['custom'])) {
    const name = requiredText(call['custom'], 'name', `${at}custom.`);
    const input = textField(call['custom'], 'input', `${at}custom.`) ?? '';
    return { type: 'tool_use', id, name, arguments: freeformArguments(input) };
  }
  const fn = call['function'];
  if (!isFields(fn)) throw invalid(`${at}function`, 'must be an object');
  const name = requiredText(fn, 'name', `${at}function.`);
  return { type: 'tool_use', id, name, arguments: argumentText(fn['arguments']) };
}
