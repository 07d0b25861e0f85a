/**
 * The one vocabulary every dialect decodes into and every stream is encoded from.
 *
 * A dialect (chat completions, completions, Messages, Responses) turns its body into a `CommonRequest`;
 * an engine always receives chat completions built from it; what comes back is a run of `StreamEvent`s
 * that ends in exactly one `done` or `error`. Nothing here knows a wire format.
 */
import type { DynamoError } from '../errors.js';

/** Wire API a request arrived in. */
export type DialectName = 'chat' | 'completions' | 'messages' | 'responses';

/** A cache mark on a block, message, tool or whole request. Never reaches the template or a hash. */
export interface CacheMark {
  /** Lifetime asked for, in seconds: 300 unless the client said otherwise. */
  ttlSeconds: number;
}

export interface TextBlock {
  type: 'text';
  text: string;
  cache?: CacheMark;
}

/** Image carried in the request itself; remote addresses are refused at the edge. */
export interface ImageBlock {
  type: 'image';
  /** MIME type, for example `image/png`. */
  mediaType: string;
  /** Base64 without the data-URL prefix. */
  data: string;
  cache?: CacheMark;
}

/** Reasoning of an earlier assistant turn; `signature` is opaque and round-trips. */
export interface ThinkingBlock {
  type: 'thinking';
  text: string;
  signature?: string;
}

export interface RedactedThinkingBlock {
  type: 'redacted_thinking';
  data: string;
}

export interface ToolUseBlock {
  type: 'tool_use';
  id: string;
  name: string;
  /** Arguments as JSON text, kept as received: re-serialising would change the prompt. */
  arguments: string;
  cache?: CacheMark;
}

export interface ToolResultBlock {
  type: 'tool_result';
  toolUseId: string;
  content: (TextBlock | ImageBlock)[];
  isError: boolean;
  cache?: CacheMark;
}

export type Block =
  | TextBlock
  | ImageBlock
  | ThinkingBlock
  | RedactedThinkingBlock
  | ToolUseBlock
  | ToolResultBlock;

export type Role = 'system' | 'user' | 'assistant';

/** One turn. Tool results are blocks of a user turn, in the order the client gave them. */
export interface Message {
  role: Role;
  blocks: Block[];
}

/** A function the model may call. Order and JSON text are kept as received. */
export interface Tool {
  name: string;
  description?: string;
  /** JSON schema of the arguments; an empty object schema when the client gave none. */
  parameters: Record<string, unknown>;
  /** Whether the engine must hold the arguments to the schema. */
  strict?: boolean;
  cache?: CacheMark;
}

export type ToolChoice =
  | { kind: 'auto' }
  | { kind: 'none' }
  | { kind: 'required' }
  | { kind: 'tool'; name: string };

export type ResponseFormat =
  | { kind: 'text' }
  | { kind: 'json_object' }
  | { kind: 'json_schema'; name: string; schema: Record<string, unknown>; strict?: boolean };

/** Sampling parameters; an absent one is left to the engine and recipe. */
export interface Sampling {
  temperature?: number;
  topP?: number;
  topK?: number;
  minP?: number;
  seed?: number;
  frequencyPenalty?: number;
  presencePenalty?: number;
  repetitionPenalty?: number;
}

/** What one harness says about its conversation. */
export interface SessionInfo {
  id: string;
  parentId?: string;
  /** The client named no session: the id is made of the conversation's beginning, which others may share. */
  isDerived?: true;
  /** True when the client said this session ends with this request. */
  isFinal: boolean;
  /** `claude-code`, `codex`, `opencode`, `pi`, or `unknown`. */
  harness: string;
  /** `main`, `subagent`, `title`, `compact`; `main` unless known. */
  role: string;
}

/** Kinds of prompt tokens that are kept unlike each other. */
export type RetainedKind = 'system' | 'tools' | 'conversation' | 'tool_result' | 'reasoning' | 'output';

/** Agent hints, under NVIDIA Dynamo's names; higher priority is more important. */
export interface Hints {
  /** -2^31 .. 2^31-1, default 0. */
  priority: number;
  /** Whether the client gave a priority; when not, the agent's lineage decides. */
  isPriorityGiven?: boolean;
  /** Router queue tier, 0 .. 2^32-1, default 0; compared before anything else. */
  strictPriority: number;
  /** Expected output length in tokens. */
  osl?: number;
  speculativePrefill: boolean;
  /** Request-wide cache mark (`nvext.cache_control`). */
  cacheControl?: CacheMark;
  /** Marks of this request count for nothing: its key has been promised its share already. */
  isUnmarked?: true;
  /** What its key is to have kept unlike others: by kind of region, as in `RetentionChanges`. */
  retention?: Partial<Record<RetainedKind, { priority?: number; durationMs?: number }>>;
  /** Isolates the prefix cache: requests with unlike salts never share blocks. */
  cacheSalt?: string;
  /** Extra response fields asked for: `worker_id`, `timing`. */
  extraFields: string[];
  annotations: string[];
  /** Worker the client pinned this request to, by id. */
  workerPin?: string;
}

export interface ChatInput {
  kind: 'chat';
  messages: Message[];
}

/** Text of `/v1/completions`; no template is applied. */
export interface TextInput {
  kind: 'text';
  text: string;
}

/** Token ids of `/v1/completions`. */
export interface TokensInput {
  kind: 'tokens';
  tokens: Uint32Array;
}

export interface CommonRequest {
  /** Unique id, also sent as `x-request-id`. */
  id: string;
  dialect: DialectName;
  /** Model name as the client asked for it. */
  model: string;
  input: ChatInput | TextInput | TokensInput;
  tools: Tool[];
  toolChoice: ToolChoice;
  parallelToolCalls: boolean;
  sampling: Sampling;
  /** Output bound the client asked for, in tokens; clamped to the context left, never refused. */
  maxTokens?: number;
  stop: string[];
  format: ResponseFormat;
  /** Number of choices, 1 unless asked. */
  n: number;
  reasoning: { enabled?: boolean; effort?: string; budgetTokens?: number };
  /** Whether the client wants SSE. */
  stream: boolean;
  /** Chat dialects only: whether the stream ends with a usage chunk. */
  includeUsage: boolean;
  hints: Hints;
  session?: SessionInfo;
  /** Engine fields forwarded untouched (`logprobs`, `top_logprobs`, `logit_bias`, `chat_template_kwargs`, …). */
  extra: Record<string, unknown>;
  /** Dialect-private values the encoder needs again (for example Responses `store`, custom tools). */
  dialectState: Record<string, unknown>;
}

/** Token counts as *reported by the engine*. */
export interface Usage {
  promptTokens: number;
  /** Part of `promptTokens` read from a cache. */
  cachedTokens: number;
  outputTokens: number;
  reasoningTokens: number;
}

export type StopReason = 'stop' | 'length' | 'tool_use' | 'stop_sequence' | 'content_filter';

/**
 * What an engine's answer becomes. `choice` counts from 0 (more than one only with `n`).
 * Order per choice: any number of `text`, `thinking`, `tool_*`; one `finish`. The stream ends with one
 * `done` or one `error`, after which nothing follows. Failures travel here and are never thrown past it.
 * `tokenIds`, where the engine tells them, are of the tokens since the event that had some before.
 */
export type StreamEvent =
  | { type: 'start'; engineId: string }
  | { type: 'text'; choice: number; text: string; logprobs?: unknown; tokenIds?: number[] }
  | { type: 'thinking'; choice: number; text: string; tokenIds?: number[] }
  | { type: 'tool_start'; choice: number; index: number; id: string; name: string; tokenIds?: number[] }
  | { type: 'tool_delta'; choice: number; index: number; arguments: string; tokenIds?: number[] }
  | { type: 'finish'; choice: number; reason: StopReason; stopSequence?: string }
  | { type: 'usage'; usage: Usage }
  | { type: 'done' }
  | { type: 'error'; error: DynamoError };
