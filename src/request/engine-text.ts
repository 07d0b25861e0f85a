/** The engine's body as bytes, with a chat whose JSON is at hand already. */

/** A chat as JSON, ready to be put into a body. */
export interface ChatText {
  /** UTF-8 of the messages, separated by commas, without brackets. */
  messages: Buffer;
  /** JSON list of the tools; empty where there are none. */
  tools: string;
}

const CLOSE = ']}';

/** `settings` = everything of the body but messages and tools. */
export function bodyWithChat(settings: Record<string, unknown>, { messages, tools }: ChatText): Buffer {
  const settled = JSON.stringify(settings).slice(0, -1);
  const separator = settled.length === 1 ? '' : ',';
  const listed = tools === '' ? '' : `"tools":${tools},`;
  const head = `${settled}${separator}${listed}"messages":[`;
  const headBytes = Buffer.byteLength(head);
  const body = Buffer.allocUnsafe(headBytes + messages.length + CLOSE.length);
  body.write(head, 0, 'utf8');
  messages.copy(body, headBytes);
  body.write(CLOSE, headBytes + messages.length, 'latin1');
  return body;
}
