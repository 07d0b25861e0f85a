/** One wire API: how a body becomes a common request, and how events and errors become bytes again. */
import type { IncomingHttpHeaders } from 'node:http';
import type { DynamoError } from '../errors.js';
import type { CommonRequest, DialectName, Message, StreamEvent, Usage } from '../request/types.js';

export interface DecodeContext {
  requestId: string;
  headers: IncomingHttpHeaders;
  /** Reports a request field that was accepted and ignored. */
  warn(code: string, message: string): void;
  /** The request is only counted, scored or prefilled: a bound on its output may be missing. */
  isMeasured?: boolean;
  /** A kept answer of `/v1/responses` by its id; undefined when it is not (or no longer) kept. */
  kept?(responseId: string): KeptResponse | undefined;
}

/** What `/v1/responses` keeps of an answer so that `previous_response_id` can go on from it. */
export interface KeptResponse {
  id: string;
  /** Whether the client asked for `store`; what it did not is kept no longer than its connection. */
  isStored: boolean;
  /** The response object as the client got it. */
  response: Record<string, unknown>;
  /** The client's input items, as received. */
  inputItems: unknown[];
  /** The whole conversation with this answer at its end, without `instructions`. */
  messages: Message[];
}

export interface EncodeContext {
  /** Model name the client sees. */
  model: string;
  /** Unix seconds. */
  created: number;
  /** Unix seconds at the moment of the call, for answers that say when they ended. */
  now?: () => number;
  /** Prompt tokens as counted by our own tokenizer, for usage sent before the engine's. */
  promptTokens: number;
  /** Computed prompt tokens that were marked to be kept, for up to five minutes and for longer; absent = none was marked. */
  cacheWrites?: (usage: Usage) => { short: number; long: number };
  /** `nvext` block for the final message when the client asked for extra fields; undefined otherwise. */
  nvext?: () => Record<string, unknown>;
  /** Takes the finished answer of a Responses request. Called at most once. */
  keep?: (kept: KeptResponse) => void;
}

/** Turns one request's events into SSE text. Every method returns the bytes to write, possibly ''. */
export interface StreamEncoder {
  push(event: StreamEvent): string;
  /** Keeps a silent stream alive. */
  ping(): string;
}

/** Contract: pure functions of their arguments; `decode` throws DynamoError with `param` set. Unknown fields are ignored. */
export interface Dialect {
  readonly name: DialectName;
  decode(body: unknown, context: DecodeContext): CommonRequest;
  streamEncoder(request: CommonRequest, context: EncodeContext): StreamEncoder;
  /** The whole answer as one JSON value; `events` is everything up to and including `done`. */
  encodeWhole(request: CommonRequest, events: readonly StreamEvent[], context: EncodeContext): unknown;
  encodeError(error: DynamoError, requestId?: string): { status: number; body: unknown };
}
