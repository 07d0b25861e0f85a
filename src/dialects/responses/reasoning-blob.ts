/**
 * `encrypted_content` of reasoning items: opaque to clients, who must send it back unchanged. Nothing is secret in
 * it — the client was shown the same text — so it is the text itself, marked as ours.
 */

const PREFIX = 'dynamo1.';

export function reasoningBlob(text: string): string {
  return PREFIX + Buffer.from(text, 'utf8').toString('base64');
}

/** The text of a blob of ours; undefined for anybody else's. */
export function reasoningText(blob: unknown): string | undefined {
  if (typeof blob !== 'string' || !blob.startsWith(PREFIX)) return undefined;
  return Buffer.from(blob.slice(PREFIX.length), 'base64').toString('utf8');
}
