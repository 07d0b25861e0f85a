/** Content blocks of a Messages body. */
import type { Block, ImageBlock, TextBlock } from '../../request/types.js';
import { type Fields, invalid, isFields, requiredText, shown, textField, unsupported } from '../fields.js';
import { lenientMark } from '../hints.js';
import { imageFromUrl } from '../images.js';
import { argumentText } from '../tools.js';
import type { DecodeContext } from '../types.js';
import { decodeDocument } from './decode-document.js';
import { readableText } from './readable-text.js';
import { hiddenThinking } from './signature.js';

/** A string or a list of blocks. A block of an unknown kind is left out with a warning, or read as its text. */
export function decodeBlocks(content: unknown, at: string, context: DecodeContext): Block[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  if (!Array.isArray(content)) throw invalid(at, 'must be a string or a list of blocks');
  return content.flatMap((block, index): Block[] => {
    const where = `${at}[${index}]`;
    if (typeof block === 'string') return [{ type: 'text', text: block }];
    if (!isFields(block)) throw invalid(where, 'must be an object');
    const decoded = decodeBlock(block, `${where}.`, context);
    const cache = lenientMark(block['cache_control']);
    return cache === undefined ? decoded : decoded.map((each) => ({ ...each, cache }));
  });
}

export function textAndImages(blocks: readonly Block[]): (TextBlock | ImageBlock)[] {
  return blocks.filter((block) => block.type === 'text' || block.type === 'image');
}

function decodeBlock(block: Fields, at: string, context: DecodeContext): Block[] {
  switch (block['type']) {
    case 'text':
      return [{ type: 'text', text: requiredText(block, 'text', at) }];
    case 'image':
      return [decodeImage(block, at)];
    case 'document':
      return decodeDocument(block, at, context);
    case 'thinking': {
      const signature = textField(block, 'signature', at);
      const text = textField(block, 'thinking', at) || hiddenThinking(signature);
      return [{ type: 'thinking', text, ...(signature === undefined ? {} : { signature }) }];
    }
    case 'redacted_thinking':
      return [{ type: 'redacted_thinking', data: textField(block, 'data', at) ?? '' }];
    case 'tool_use': {
      const name = requiredText(block, 'name', at);
      return [
        {
          type: 'tool_use',
          id: requiredText(block, 'id', at),
          name,
          arguments: argumentText(block['input'] ?? {}),
        },
      ];
    }
    case 'tool_result':
      return [decodeToolResult(block, at, context)];
    // The tool it stands for is in the prompt already: nothing is deferred here.
    case 'tool_reference':
      return [{ type: 'text', text: requiredText(block, 'tool_name', at) }];
    default:
      return otherBlock(block, context);
  }
}

/** Search results, compactions and results of server tools are read as the text in them; what has none is left out. */
function otherBlock(block: Fields, context: DecodeContext): Block[] {
  const text = readableText(block);
  if (text !== '') return [{ type: 'text', text }];
  const { type } = block;
  context.warn('block_ignored', `a block of type ${shown(type)} was left out`);
  return [];
}

function decodeToolResult(block: Fields, at: string, context: DecodeContext): Block {
  const content = block['content'] ?? [];
  return {
    type: 'tool_result',
    toolUseId: requiredText(block, 'tool_use_id', at),
    content: textAndImages(decodeBlocks(content, `${at}content`, context)),
    isError: block['is_error'] === true,
  };
}

function decodeImage(block: Fields, at: string): ImageBlock {
  const { source } = block;
  if (!isFields(source)) throw invalid(`${at}source`, 'must be an object');
  if (source['type'] === 'url' && typeof source['url'] === 'string') {
    return imageFromUrl(source['url'], `${at}source.url`);
  }
  if (source['type'] !== 'base64') {
    throw unsupported(`${at}source.type`, 'images by file id are not kept here; send base64');
  }
  return {
    type: 'image',
    mediaType: textField(source, 'media_type', `${at}source.`) ?? 'image/png',
    data: requiredText(source, 'data', `${at}source.`),
  };
}
