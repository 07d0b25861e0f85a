/** Content blocks of a Messages body. */
import type { Block, ImageBlock, TextBlock } from '../../request/types.js';
import { type Fields, invalid, isFields, requiredText, textField, unsupported } from '../fields.js';
import { lenientMark } from '../hints.js';
import { argumentText } from '../tools.js';
import type { DecodeContext } from '../types.js';

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
      const text = textField(block, 'thinking', at) ?? '';
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
    default:
      return unknownBlock(block, context);
  }
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
  if (source['type'] !== 'base64') {
    throw unsupported(
      `${at}source.type`,
      'images from an address or a file id are not fetched here; send base64',
    );
  }
  return {
    type: 'image',
    mediaType: textField(source, 'media_type', `${at}source.`) ?? 'image/png',
    data: requiredText(source, 'data', `${at}source.`),
  };
}

/** A document is read as text, its title first. Formats without text in them are refused. */
function decodeDocument(block: Fields, at: string, context: DecodeContext): Block[] {
  const { source } = block;
  if (!isFields(source)) throw invalid(`${at}source`, 'must be an object');
  const heads = [block['title'], block['context']].filter((text) => typeof text === 'string' && text !== '');
  const head: Block[] = heads.map((text) => ({ type: 'text', text: text as string }));
  const media = String(source['media_type'] ?? 'text/plain');
  if (source['type'] === 'text')
    return [...head, { type: 'text', text: requiredText(source, 'data', `${at}source.`) }];
  if (source['type'] === 'content') {
    return [...head, ...textAndImages(decodeBlocks(source['content'], `${at}source.content`, context))];
  }
  if (source['type'] === 'base64' && media.startsWith('text/')) {
    const data = requiredText(source, 'data', `${at}source.`);
    return [...head, { type: 'text', text: Buffer.from(data, 'base64').toString('utf8') }];
  }
  throw unsupported(
    `${at}source`,
    `documents of type ${media.slice(0, 60)} cannot be read here; send their text`,
  );
}

function unknownBlock(block: Fields, context: DecodeContext): Block[] {
  const { type, text } = block;
  if (typeof text === 'string') return [{ type: 'text', text }];
  context.warn('block_ignored', `a block of type ${String(type).slice(0, 40)} was left out`);
  return [];
}
