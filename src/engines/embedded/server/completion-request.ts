/** A completion body, checked: what to generate, how, and in which form to answer. */
import { LIMITS } from '../../../limits.js';
import { anyObjectGrammar, grammarOf, type JsonSchema } from '../grammar/json-schema.js';
import type { CoreSampling } from '../types.js';
import { ApiError, promptTokens, type ServerContext } from './prompt.js';
import { type ToolMode, toolMode } from './tool-mode.js';

export interface CompletionRequest {
  id: string;
  kind: 'chat' | 'text';
  model: string;
  tokens: Uint32Array;
  maxTokens: number;
  n: number;
  sampling: CoreSampling;
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
  continuousUsage: boolean;
  returnTokenIds: boolean;
  tools: ToolMode;
}

type Body = Record<string, unknown>;

const CHOICES_MAX = 16;
const STOPS_MAX = 64;
const TOP_LOGPROBS_MAX = 20;

export function decodeCompletion(
  context: ServerContext,
  body: Body,
  kind: 'chat' | 'text',
  id: string,
): CompletionRequest {
  const model = modelOf(context, body);
  const tools = kind === 'chat' ? toolMode(body) : { kind: 'none' as const };
  const tokens = promptTokens(context, body);
  const limit = context.core.info.contextTokens;
  if (tokens.length === 0) throw new ApiError(400, 'BadRequestError', 'The prompt is empty.', 'prompt');
  if (tokens.length >= limit) throw tooLong(limit, tokens.length);
  const asked =
    number(body, 'max_completion_tokens', 1, 2 ** 31) ?? number(body, 'max_tokens', 1, 2 ** 31) ?? limit;
  const stream = isObject(body['stream_options']) ? body['stream_options'] : {};
  return {
    id,
    kind,
    model,
    tokens,
    maxTokens: Math.max(1, Math.min(Math.floor(asked), limit - tokens.length)),
    n: number(body, 'n', 1, CHOICES_MAX) ?? 1,
    sampling: { ...samplingOf(body), ...grammarField(body, tools) },
    priority: -(number(body, 'priority', -(2 ** 31), 2 ** 31) ?? 0),
    cacheSalt: typeof body['cache_salt'] === 'string' ? body['cache_salt'] : '',
    stops: stopsOf(body),
    includeStop: body['include_stop_str_in_output'] === true,
    stopTokens: new Set(integers(body['stop_token_ids'])),
    ignoreEos: body['ignore_eos'] === true,
    logprobs: logprobsOf(body, kind),
    isStream: body['stream'] === true,
    includeUsage: stream['include_usage'] === true,
    continuousUsage: stream['continuous_usage_stats'] === true,
    returnTokenIds: body['return_token_ids'] === true,
    tools,
  };
}

function modelOf({ names }: ServerContext, body: Body): string {
  const asked = body['model'];
  if (asked === undefined || asked === null) return names[0] ?? '';
  if (typeof asked === 'string' && names.includes(asked)) return asked;
  throw new ApiError(
    404,
    'NotFoundError',
    `The model \`${String(asked)}\` does not exist. Valid aliases: ${names.join(', ')}.`,
    'model',
  );
}

function tooLong(limit: number, tokens: number): ApiError {
  const message =
    `This model's maximum context length is ${limit} tokens. However, your prompt contains at least ${tokens} input tokens, ` +
    `which exceeds this limit even without any output tokens. Please reduce the length of the input prompt. (parameter=input_tokens, value=${tokens})`;
  return new ApiError(400, 'BadRequestError', message, 'input_tokens');
}

function samplingOf(body: Body): CoreSampling {
  const seed = number(body, 'seed', -(2 ** 53), 2 ** 53);
  const bias = isObject(body['logit_bias']) ? Object.entries(body['logit_bias']) : [];
  return {
    temperature: number(body, 'temperature', 0, 100) ?? 1,
    topP: number(body, 'top_p', 0, 1) ?? 1,
    topK: Math.max(0, number(body, 'top_k', -1, 2 ** 31) ?? 0),
    minP: number(body, 'min_p', 0, 1) ?? 0,
    frequencyPenalty: number(body, 'frequency_penalty', -2, 2) ?? 0,
    presencePenalty: number(body, 'presence_penalty', -2, 2) ?? 0,
    repetitionPenalty: number(body, 'repetition_penalty', 0.01, 100) ?? 1,
    ...(seed === undefined ? {} : { seed: Math.abs(Math.floor(seed)) % 2 ** 32 }),
    ...(bias.length === 0
      ? {}
      : {
          logitBias: new Map(
            bias.slice(0, LIMITS.logitBiasMax).map(([token, value]) => [Number(token), Number(value)]),
          ),
        }),
  };
}

/** A tool that must be called outweighs a response format. */
function grammarField(body: Body, tools: ToolMode): { grammar?: string } {
  if (tools.kind === 'forced') return { grammar: tools.grammar };
  const format = isObject(body['response_format']) ? body['response_format'] : {};
  if (format['type'] === 'json_object') return { grammar: anyObjectGrammar() };
  if (format['type'] === 'json_schema' && isObject(format['json_schema'])) {
    return { grammar: grammarOf((format['json_schema']['schema'] as JsonSchema | undefined) ?? true) };
  }
  const structured = isObject(body['structured_outputs']) ? body['structured_outputs'] : {};
  const schema = structured['json'] ?? body['guided_json'];
  if (schema !== undefined && schema !== null)
    return { grammar: grammarOf((typeof schema === 'string' ? JSON.parse(schema) : schema) as JsonSchema) };
  const grammar = structured['grammar'] ?? body['guided_grammar'];
  return typeof grammar === 'string' ? { grammar } : {};
}

function stopsOf(body: Body): string[] {
  const { stop } = body;
  if (stop === undefined || stop === null) return [];
  const stops = Array.isArray(stop) ? stop : [stop];
  if (stops.length > STOPS_MAX || stops.some((entry) => typeof entry !== 'string')) {
    throw new ApiError(400, 'BadRequestError', `stop must be a string or up to ${STOPS_MAX} strings`, 'stop');
  }
  return stops as string[];
}

function logprobsOf(body: Body, kind: 'chat' | 'text'): number | null {
  if (kind === 'text') return number(body, 'logprobs', 0, TOP_LOGPROBS_MAX) ?? null;
  return body['logprobs'] === true ? (number(body, 'top_logprobs', 0, TOP_LOGPROBS_MAX) ?? 0) : null;
}

function number(body: Body, name: string, min: number, max: number): number | undefined {
  const value = body[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'number' && Number.isFinite(value) && value >= min && value <= max) return value;
  throw new ApiError(400, 'BadRequestError', `${name} must be a number from ${min} to ${max}`, name);
}

function integers(value: unknown): number[] {
  return Array.isArray(value) ? value.filter((entry): entry is number => Number.isInteger(entry)) : [];
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
