/** A completion body, checked: what to generate, how, and in which form to answer. */
import { LIMITS } from '../../../limits.js';
import { CONTINUATION, type CoreSampling, type RetentionSpan, WARM_FIELD } from '../types.js';
import { badRequest, notFound } from './api-error.js';
import { type Body, integerField, objectField, textField, tokenIds } from './fields.js';
import { outputGrammar } from './output-grammar.js';
import { chatTokens, type PromptContext, plainTokens } from './prompt.js';
import { retentionField } from './retention-field.js';
import { samplingFields } from './sampling-fields.js';
import { type ToolMode, toolMode } from './tool-mode.js';

export interface CompletionRequest {
  id: string;
  kind: 'chat' | 'text';
  model: string;
  tokens: Uint32Array;
  /** The answer's first tokens, said by another worker; empty but where one was lost. */
  continued: Uint32Array;
  maxTokens: number;
  n: number;
  sampling: CoreSampling;
  /** Higher first, the core's way; vLLM's field is lower first. */
  priority: number;
  cacheSalt: string;
  stops: string[];
  includeStop: boolean;
  stopTokens: Set<number>;
  ignoreEos: boolean;
  /** Top alternatives per token; null = no log probabilities. */
  logprobs: number | null;
  isStream: boolean;
  includeUsage: boolean;
  /** Usage so far on every chunk of the stream. */
  continuousUsage: boolean;
  returnTokenIds: boolean;
  /** Ids of the answer's tokens with its pieces, and nothing of the prompt. */
  streamsTokenIds: boolean;
  tools: ToolMode;
  retention: RetentionSpan[] | undefined;
  isWarm: boolean;
}

export interface RequestContext extends PromptContext {
  /** Names the model answers to; the first is shown. */
  names: readonly string[];
}

const INT32 = 2 ** 31 - 1;
/** OpenAI's and vLLM's default for `/v1/completions`; chats go on to the end of the context. */
const TEXT_TOKENS_DEFAULT = 16;

/** Throws an ApiError, or a DynamoError of the template or a schema. `id` is the whole id of the answer. */
export function decodeCompletion(
  context: RequestContext,
  body: Body,
  kind: 'chat' | 'text',
  id: string,
): CompletionRequest {
  const { contextTokens, vocabTokens } = context.core.info;
  const model = modelOf(context.names, body);
  const tools = kind === 'chat' ? toolMode(body) : { kind: 'none' as const };
  const tokens = kind === 'chat' ? chatTokens(context, body) : plainTokens(context, body);
  requireRoom(tokens.length, contextTokens);
  const grammar = tools.kind === 'forced' ? tools.grammar : outputGrammar(body);
  const n = integerField(body, 'n', 1, LIMITS.choicesMax) ?? 1;
  return {
    id,
    kind,
    model,
    tokens,
    continued: continuedTokens(body, n, vocabTokens),
    maxTokens: Math.min(askedTokens(body, kind, contextTokens), contextTokens - tokens.length),
    n,
    sampling: { ...samplingFields(body, vocabTokens), ...(grammar === null ? {} : { grammar }) },
    priority: 0 - (integerField(body, 'priority', -INT32 - 1, INT32) ?? 0),
    cacheSalt: textField(body, 'cache_salt') ?? '',
    stops: stopsOf(body),
    includeStop: body['include_stop_str_in_output'] === true,
    stopTokens: new Set(tokenIds(body['stop_token_ids'] ?? [], 'stop_token_ids', vocabTokens)),
    ignoreEos: body['ignore_eos'] === true,
    logprobs: logprobsOf(body, kind),
    ...streamFields(body),
    returnTokenIds: body['return_token_ids'] === true,
    streamsTokenIds: body['return_token_ids'] === true || body[CONTINUATION.idsField] === true,
    tools,
    retention: retentionField(body),
    isWarm: body[WARM_FIELD] === true,
  };
}

/** Any name of ours; a body without one means the only model there is. */
export function modelOf(names: readonly string[], body: Body): string {
  const asked = textField(body, 'model') ?? names[0] ?? '';
  if (names.includes(asked)) return asked;
  throw notFound(`The model \`${asked}\` does not exist. Valid aliases: ${names.join(', ')}.`, 'model');
}

/** One token of the context must be left for the answer. */
function requireRoom(tokens: number, limit: number): void {
  if (tokens === 0) throw badRequest('The prompt is empty.', 'prompt');
  if (tokens < limit) return;
  const message =
    `This model's maximum context length is ${limit} tokens. However, your prompt contains ${tokens} input tokens, ` +
    `which exceeds this limit even without any output tokens. Please reduce the length of the input prompt. ` +
    `(parameter=input_tokens, value=${tokens})`;
  throw badRequest(message, 'input_tokens');
}

/** Which of several answers they belong to nothing tells. */
function continuedTokens(body: Body, n: number, vocabTokens: number): Uint32Array {
  const field = CONTINUATION.continuedField;
  const ids = tokenIds(body[field] ?? [], field, vocabTokens);
  if (ids.length > 0 && n > 1) throw badRequest(`${field} goes with n = 1`, field);
  return Uint32Array.from(ids);
}

function askedTokens(body: Body, kind: 'chat' | 'text', limit: number): number {
  const asked =
    integerField(body, 'max_completion_tokens', 1, Number.MAX_SAFE_INTEGER) ??
    integerField(body, 'max_tokens', 1, Number.MAX_SAFE_INTEGER);
  return asked ?? (kind === 'chat' ? limit : TEXT_TOKENS_DEFAULT);
}

function streamFields(body: Body): { isStream: boolean; includeUsage: boolean; continuousUsage: boolean } {
  const isStream = body['stream'] === true;
  const options = objectField(body, 'stream_options') ?? {};
  const includeUsage = isStream && options['include_usage'] === true;
  return {
    isStream,
    includeUsage,
    continuousUsage: includeUsage && options['continuous_usage_stats'] === true,
  };
}

function stopsOf(body: Body): string[] {
  const stop = body['stop'] ?? [];
  const stops: unknown[] = Array.isArray(stop) ? stop : [stop];
  const isStops =
    stops.length <= LIMITS.stopsMax &&
    stops.every((entry) => typeof entry === 'string' && entry.length <= LIMITS.stopChars);
  if (isStops) return stops as string[];
  throw badRequest(
    `stop must be a string or up to ${LIMITS.stopsMax} strings of at most ${LIMITS.stopChars} characters`,
    'stop',
  );
}

function logprobsOf(body: Body, kind: 'chat' | 'text'): number | null {
  if (kind === 'text') return integerField(body, 'logprobs', 0, LIMITS.logprobsTop) ?? null;
  const top = integerField(body, 'top_logprobs', 0, LIMITS.logprobsTop);
  return body['logprobs'] === true ? (top ?? 0) : null;
}
