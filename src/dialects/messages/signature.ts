/**
 * Signature of a thinking block. Clients must send one back unchanged and never look inside; engines here do not
 * sign, so it says where the block came from, and carries the thinking itself for a client that asked not to see it.
 */
const PREFIX = 'dynamo:';
const HIDDEN = ':hidden:';

/** `hidden` is thinking that the block itself leaves out. */
export function thinkingSignature(requestId: string, index: number, hidden = ''): string {
  const text = `${PREFIX}${requestId}:${index}${hidden === '' ? '' : HIDDEN + hidden}`;
  return Buffer.from(text).toString('base64');
}

/** The thinking a signature of ours carries; '' for any other. */
export function hiddenThinking(signature: string | undefined): string {
  if (signature === undefined) return '';
  const text = Buffer.from(signature, 'base64').toString('utf8');
  const at = text.startsWith(PREFIX) ? text.indexOf(HIDDEN) : -1;
  return at < 0 ? '' : text.slice(at + HIDDEN.length);
}
