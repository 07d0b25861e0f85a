/** A chat-completions body as a common request. */
import { LIMITS } from '../../limits.js';
import type { CommonRequest, ResponseFormat } from '../../request/types.js';
import {
  bodyFields,
  booleanField,
  type Fields,
  invalid,
  isFields,
  numberField,
  objectField,
  requiredText,
  textField,
} from '../fields.js';
import { decodeHints } from '../hints.js';
import { reasoningOf } from '../reasoning.js';
import { decodeSampling, engineFieldsOf, stopOf } from '../sampling.js';
import type { DecodeContext } from '../types.js';
import { decodeChatMessages } from './decode-messages.js';
import { decodeChatTools } from './decode-tools.js';

/** Throws `invalid_request` or `unsupported` naming the field. */
export function decodeChat(value: unknown, context: DecodeContext): CommonRequest {
  const body = bodyFields(value);
  const maxTokens = outputBound(body);
  const { tools, toolChoice, freeform } = decodeChatTools(body, context);
  const nvext = objectField(body, 'nvext') ?? {};
  return {
    id: context.requestId,
    dialect: 'chat',
    model: requiredText(body, 'model'),
    input: { kind: 'chat', messages: decodeChatMessages(body) },
    tools,
    toolChoice,
    parallelToolCalls: booleanField(body, 'parallel_tool_calls') ?? true,
    sampling: decodeSampling(body),
    ...(maxTokens === undefined ? {} : { maxTokens }),
    stop: stopOf(body, 'stop'),
    format: decodeFormat(body),
    n: numberField(body, 'n', { min: 1, max: LIMITS.choicesMax, isInteger: true }) ?? 1,
    reasoning: reasoningOf({
      effort: textField(body, 'reasoning_effort'),
      budgetTokens: numberField(nvext, 'max_thinking_tokens', { min: 0, isInteger: true }, 'nvext.'),
    }),
    stream: booleanField(body, 'stream') ?? false,
    includeUsage: booleanField(objectField(body, 'stream_options') ?? {}, 'include_usage') ?? false,
    hints: decodeHints(body, context.headers),
    extra: { ...engineFieldsOf(body), ...logprobFields(body) },
    dialectState: { freeform },
  };
}

function outputBound(body: Fields): number | undefined {
  const range = { min: 1, isInteger: true };
  return numberField(body, 'max_completion_tokens', range) ?? numberField(body, 'max_tokens', range);
}

function decodeFormat(body: Fields): ResponseFormat {
  const format = objectField(body, 'response_format');
  if (format === undefined) return { kind: 'text' };
  const { type } = format;
  if (type === undefined || type === 'text') return { kind: 'text' };
  if (type === 'json_object') return { kind: 'json_object' };
  if (type !== 'json_schema')
    throw invalid('response_format.type', 'must be text, json_object or json_schema');
  const inner = objectField(format, 'json_schema', 'response_format.');
  if (inner === undefined || !isFields(inner['schema'])) {
    throw invalid('response_format.json_schema.schema', 'must be a JSON schema object');
  }
  const strict = booleanField(inner, 'strict', 'response_format.json_schema.');
  return {
    kind: 'json_schema',
    name: textField(inner, 'name', 'response_format.json_schema.') ?? 'answer',
    schema: inner['schema'],
    ...(strict === undefined ? {} : { strict }),
  };
}

function logprobFields(body: Fields): Record<string, unknown> {
  const isAsked = booleanField(body, 'logprobs') ?? false;
  const top = numberField(body, 'top_logprobs', { min: 0, max: LIMITS.logprobsTop, isInteger: true });
  if (!isAsked) return {};
  return { logprobs: true, ...(top === undefined ? {} : { top_logprobs: top }) };
}
