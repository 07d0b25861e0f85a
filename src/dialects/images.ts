/** Images a request carries. Nothing is ever fetched: a remote address would let a client reach our network. */
import type { ImageBlock } from '../request/types.js';
import { unsupported } from './fields.js';

const DATA_URL = /^data:([\w.+/-]+)?(?:;[\w=.-]+)*;base64,/i;

/** A `data:` address as an image. Throws `unsupported` for any other address, with the reason. */
export function imageFromUrl(url: string, param: string): ImageBlock {
  const head = DATA_URL.exec(url.slice(0, 256));
  if (head === null) {
    throw unsupported(param, 'images from an address are not fetched here; send them as a base64 data: URL');
  }
  return { type: 'image', mediaType: head[1] ?? 'image/png', data: url.slice(head[0].length) };
}
