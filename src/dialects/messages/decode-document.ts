/** Document blocks of a Messages body. */
import type { Block } from '../../request/types.js';
import { type Fields, invalid, isFields, requiredText, shown, unsupported } from '../fields.js';
import type { DecodeContext } from '../types.js';
import { decodeBlocks, textAndImages } from './decode-blocks.js';

/** A document is read as text, its title first. Formats without text in them are refused. */
export function decodeDocument(block: Fields, at: string, context: DecodeContext): Block[] {
  const { source } = block;
  if (!isFields(source)) throw invalid(`${at}source`, 'must be an object');
  const heads = [block['title'], block['context']].filter((text) => typeof text === 'string' && text !== '');
  const head: Block[] = heads.map((text) => ({ type: 'text', text: text as string }));
  const media = shown(source['media_type'] ?? 'text/plain');
  switch (source['type']) {
    case 'text':
      return [...head, { type: 'text', text: requiredText(source, 'data', `${at}source.`) }];
    case 'content':
      return [...head, ...textAndImages(decodeBlocks(source['content'], `${at}source.content`, context))];
    case 'base64': {
      if (!media.startsWith('text/')) throw unreadable(`${at}source.media_type`, media);
      const data = requiredText(source, 'data', `${at}source.`);
      return [...head, { type: 'text', text: Buffer.from(data, 'base64').toString('utf8') }];
    }
    case 'url':
      throw unsupported(`${at}source.url`, 'documents from an address are not fetched here; send their text');
    default:
      throw unreadable(`${at}source.type`, shown(source['type']));
  }
}

function unreadable(param: string, media: string): Error {
  return unsupported(param, `documents of type ${media} cannot be read here; send their text`);
}
