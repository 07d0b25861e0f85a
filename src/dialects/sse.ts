/** Server-sent events as text. */

/** An event without a name, as chat completions send them. */
export function sseData(value: unknown): string {
  return `data: ${JSON.stringify(value)}\n\n`;
}

/** An event named like the `type` of its data, as Messages and Responses send them. */
export function sseNamed(value: { type: string } & Record<string, unknown>): string {
  return `event: ${value.type}\ndata: ${JSON.stringify(value)}\n\n`;
}

/** A comment: any client's parser skips it, any proxy's idle clock sees it. */
export const SSE_COMMENT_PING = ': ping\n\n';

export const SSE_DONE = 'data: [DONE]\n\n';
