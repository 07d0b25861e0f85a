/** The engine's body as bytes, with a chat whose JSON is at hand already. */

/** A chat as JSON, ready to be put into a body. */
export interface ChatText {
  /** UTF-8 of the messages, separated by commas, without brackets. */
  messages: Buffer;
  /** JSON list of the tools, in UTF-8; empty where there are none. */
  tools: Buffer;
}

const OPEN = Buffer.from(',"messages":[');
const CLOSE = Buffer.from(']}');

/**
 * The body in pieces, so that a long chat need not be copied: `settings` = everything of it but messages and tools.
 */
export function bodyWithChat(settings: Record<string, unknown>, { messages, tools }: ChatText): Buffer[] {
  const settled = JSON.stringify(settings).slice(0, -1);
  const separator = settled.length === 1 ? '' : ',';
  if (tools.length === 0) return [Buffer.from(`${settled}${separator}"messages":[`), messages, CLOSE];
  return [Buffer.from(`${settled}${separator}"tools":`), tools, OPEN, messages, CLOSE];
}
