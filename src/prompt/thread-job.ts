/** What goes between the gateway's thread and those that render and tokenize long chats. */
import { DynamoError, type ErrorCode, type ErrorFields } from '../errors.js';
import type { EngineChat } from '../request/engine-body.js';
import type { LocalPrompts, RenderedTokens } from './local-prompts.js';

/** A chat as JSON: one buffer that is handed over costs less than a thousand objects that are cloned. */
export interface ChatJob {
  id: number;
  tools: string;
  kwargs: string;
  /** JSON array of the messages, in UTF-8. */
  messages: Uint8Array;
}

export type ThreadAnswer =
  | { kind: 'ready' }
  | { kind: 'rendered'; id: number; rendered: RenderedTokens }
  /** The template refuses the chat, as it would here. */
  | { kind: 'refused'; id: number; code: ErrorCode; fields: ErrorFields; param: string | null }
  | { kind: 'failed'; id: number; reason: string };

/** A chat that waits; its bytes belong to whoever keeps the conversation. */
export interface WaitingChat {
  tools: EngineChat['tools'];
  kwargs: EngineChat['kwargs'];
  /** JSON of the messages, separated by commas. */
  messages: Buffer;
}

const OPEN = 0x5b;
const CLOSE = 0x5d;

/** The job as it is handed over: the bytes are copied, because the conversation goes on here. */
export function jobOf(id: number, { tools, kwargs, messages }: WaitingChat): ChatJob {
  const bytes = Buffer.allocUnsafeSlow(messages.length + 2);
  bytes[0] = OPEN;
  messages.copy(bytes, 1);
  bytes[messages.length + 1] = CLOSE;
  return { id, tools: JSON.stringify(tools), kwargs: JSON.stringify(kwargs), messages: bytes };
}

/** The thread's part. Never throws. */
export function answerTo(prompts: LocalPrompts, job: ChatJob): ThreadAnswer {
  const { id } = job;
  try {
    return { kind: 'rendered', id, rendered: prompts.whole(chatOf(job)) };
  } catch (error) {
    if (error instanceof DynamoError)
      return { kind: 'refused', id, code: error.code, fields: error.fields, param: error.param };
    return { kind: 'failed', id, reason: error instanceof Error ? error.message : String(error) };
  }
}

function chatOf({ tools, kwargs, messages }: ChatJob): EngineChat {
  const text = Buffer.from(messages.buffer, messages.byteOffset, messages.byteLength).toString('utf8');
  return {
    messages: JSON.parse(text) as EngineChat['messages'],
    tools: JSON.parse(tools) as EngineChat['tools'],
    kwargs: JSON.parse(kwargs) as EngineChat['kwargs'],
  };
}
