/** Input items of a Responses body as turns. An assistant's answer comes in pieces here and becomes one turn again. */
import type { ImageBlock, TextBlock } from '../../request/types.js';
import { type Fields, invalid, isFields, requiredText, shown, textField, unsupported } from '../fields.js';
import { imageFromUrl } from '../images.js';
import { argumentText, freeformArguments } from '../tools.js';
import type { TurnList } from '../turns.js';
import type { DecodeContext } from '../types.js';
import { summaryBlocks } from './compaction.js';
import { addHostedItem } from './hosted-items.js';
import { reasoningText } from './reasoning-blob.js';
import { flatName } from './tool-names.js';

export function addItem(turns: TurnList, item: unknown, at: string, context: DecodeContext): void {
  if (!isFields(item)) throw invalid(at, 'must be an object');
  const { type } = item;
  switch (type) {
    case undefined:
    case null:
    case 'message':
      addMessage(turns, item, at);
      break;
    case 'reasoning':
      addReasoning(turns, item);
      break;
    case 'function_call':
    case 'custom_tool_call':
      addCall(turns, item, `${at}.`);
      break;
    case 'function_call_output':
    case 'custom_tool_call_output':
      turns.toolResult({
        type: 'tool_result',
        toolUseId: requiredText(item, 'call_id', `${at}.`),
        content: decodeParts(item['output'], `${at}.output`),
        isError: false,
      });
      break;
    case 'compaction':
    case 'compaction_summary':
      addSummary(turns, item, context);
      break;
    // Asked for at the end, by `decode`; tools are declared with the others.
    case 'compaction_trigger':
    case 'additional_tools':
    case 'mcp_list_tools':
      break;
    default:
      if (!addHostedItem(turns, item))
        context.warn('item_ignored', `an item of type ${shown(type)} was left out`);
  }
}

/** What somebody else made of a conversation cannot be read; the rest of the input stands for itself. */
function addSummary(turns: TurnList, item: Fields, context: DecodeContext): void {
  const blocks = summaryBlocks(item['encrypted_content']);
  if (blocks === undefined) context.warn('item_ignored', 'a compaction made elsewhere cannot be read here');
  else turns.user(blocks);
}

function addMessage(turns: TurnList, item: Fields, at: string): void {
  const role = requiredText(item, 'role', `${at}.`);
  const blocks = decodeParts(item['content'], `${at}.content`);
  if (role === 'system' || role === 'developer') turns.system(blocks);
  else if (role === 'user') turns.user(blocks);
  else if (role === 'assistant') turns.assistantPiece(blocks);
  else throw invalid(`${at}.role`, 'must be user, assistant, system or developer');
}

/** What the client was given is what comes back: our own blob first, then the readable parts. */
function addReasoning(turns: TurnList, item: Fields): void {
  const text =
    reasoningText(item['encrypted_content']) ?? (joinedText(item['content']) || joinedText(item['summary']));
  if (text !== '') turns.assistantPiece([{ type: 'thinking', text }]);
}

function addCall(turns: TurnList, item: Fields, at: string): void {
  const namespace = textField(item, 'namespace', at) ?? null;
  const args =
    item['type'] === 'custom_tool_call'
      ? freeformArguments(textField(item, 'input', at) ?? '')
      : argumentText(item['arguments']);
  turns.assistantPiece([
    {
      type: 'tool_use',
      id: requiredText(item, 'call_id', at),
      name: flatName(requiredText(item, 'name', at), namespace),
      arguments: args,
    },
  ]);
}

/** A string or a list of parts. Throws `unsupported` for parts that would have to be fetched or heard. */
function decodeParts(content: unknown, at: string): (TextBlock | ImageBlock)[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  if (content === undefined || content === null) return [];
  if (!Array.isArray(content)) throw invalid(at, 'must be a string or a list of parts');
  return content.map((part, index) => {
    const where = `${at}[${index}]`;
    if (typeof part === 'string') return { type: 'text', text: part };
    if (!isFields(part)) throw invalid(where, 'must be an object');
    return decodePart(part, `${where}.`);
  });
}

function decodePart(part: Fields, at: string): TextBlock | ImageBlock {
  switch (part['type']) {
    case 'input_image': {
      const url = isFields(part['image_url']) ? part['image_url']['url'] : part['image_url'];
      if (typeof url !== 'string')
        throw unsupported(`${at}image_url`, 'send the image as a base64 data: URL');
      return imageFromUrl(url, `${at}image_url`);
    }
    case 'input_file':
      return { type: 'text', text: fileText(part, at) };
    case 'refusal':
      return { type: 'text', text: requiredText(part, 'refusal', at) };
    default:
      if (typeof part['text'] === 'string') return { type: 'text', text: part['text'] };
      throw unsupported(`${at}type`, `parts of type ${shown(part['type'])} cannot be read here`);
  }
}

function fileText(part: Fields, at: string): string {
  const data = typeof part['file_data'] === 'string' ? part['file_data'] : '';
  const head = /^data:text\/[\w.+-]+(?:;[\w=.-]+)*;base64,/i.exec(data.slice(0, 256))?.[0];
  if (head === undefined)
    throw unsupported(`${at}file_data`, 'only text files sent as a base64 data: URL can be read here');
  return Buffer.from(data.slice(head.length), 'base64').toString('utf8');
}

function joinedText(parts: unknown): string {
  if (!Array.isArray(parts)) return '';
  return parts
    .flatMap((part) => (isFields(part) && typeof part['text'] === 'string' ? [part['text']] : []))
    .join('\n');
}
