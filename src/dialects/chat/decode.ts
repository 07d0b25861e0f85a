/** A chat-completions body as a common request. */
import { LIMITS } from '../../limits.js';
import type { CommonRequest, ResponseFormat } from '../../request/types.js';
import {
  bodyFields,
  booleanField,
  type Fields,
  invalid,
  isFields,
  listField,
  numberField,
  objectField,
  requiredText,
  textField,
  unsupported,
} from '../fields.js';
import { decodeHints } from '../hints.js';
import { warnIgnored } from '../ignored.js';
import { reasoningOf } from '../reasoning.js';
import { decodeSampling, engineFieldsOf, stopOf } from '../sampling.js';
import type { DecodeContext } from '../types.js';
import { decodeChatMessages } from './decode-messages.js';
import { decodeChatTools } from './decode-tools.js';

/** Fields of OpenAI's that change an answer there and cannot here. */
const IGNORED: Record<string, string> = {
  audio: 'answers are text here',
  moderation: 'nothing is moderated here',
  prediction: 'a predicted answer makes nothing faster here',
  store: 'only /v1/responses keeps answers',
  verbosity: 'no engine here has such a setting; ask for short or long answers in the prompt',
  web_search_options: 'nothing here searches the web',
};

/** Throws `invalid_request` or `unsupported` naming the field. */
export function decodeChat(value: unknown, context: DecodeContext): CommonRequest {
  const body = bodyFields(value);
  const maxTokens = outputBound(body);
  const { tools, toolChoice, freeform, isLegacy } = decodeChatTools(body, context);
  refuseAudio(body);
  warnIgnored(body, IGNORED, context);
  return {
    id: context.requestId,
    dialect: 'chat',
    model: requiredText(body, 'model'),
    input: { kind: 'chat', messages: decodeChatMessages(body) },
    tools,
    toolChoice,
    parallelToolCalls: (booleanField(body, 'parallel_tool_calls') ?? true) && !isLegacy,
    sampling: decodeSampling(body),
    ...(maxTokens === undefined ? {} : { maxTokens }),
    stop: stopOf(body, 'stop'),
    format: decodeFormat(body),
    n: numberField(body, 'n', { min: 1, max: LIMITS.choicesMax, isInteger: true }) ?? 1,
    reasoning: decodeReasoning(body),
    stream: booleanField(body, 'stream') ?? false,
    includeUsage: booleanField(objectField(body, 'stream_options') ?? {}, 'include_usage') ?? false,
    hints: decodeHints(body, context.headers),
    extra: { ...engineFieldsOf(body), ...logprobFields(body), ...structuralTag(body) },
    dialectState: { freeform, isLegacy },
  };
}

function outputBound(body: Fields): number | undefined {
  const range = { min: 1, isInteger: true };
  return numberField(body, 'max_completion_tokens', range) ?? numberField(body, 'max_tokens', range);
}

/** OpenAI's word, OpenRouter's object, and the switches of Qwen and GLM clients. */
function decodeReasoning(body: Fields): CommonRequest['reasoning'] {
  const nvext = objectField(body, 'nvext') ?? {};
  const reasoning = isFields(body['reasoning']) ? body['reasoning'] : {};
  const thinking = isFields(body['thinking']) ? body['thinking']['type'] : undefined;
  const switches = [body['enable_thinking'], reasoning['enabled']];
  if (thinking === 'enabled' || thinking === 'disabled') switches.push(thinking === 'enabled');
  const { effort } = reasoning;
  return reasoningOf({
    enabled: switches.find((value) => typeof value === 'boolean'),
    effort: textField(body, 'reasoning_effort') ?? (typeof effort === 'string' ? effort : undefined),
    budgetTokens: numberField(nvext, 'max_thinking_tokens', { min: 0, isInteger: true }, 'nvext.'),
  });
}

/** Every model here answers in text: silence instead of the speech a client waits for would be worse than a refusal. */
function refuseAudio(body: Fields): void {
  const modalities = listField(body, 'modalities') ?? [];
  if (modalities.includes('audio'))
    throw unsupported('modalities', 'answers are text here; ask for ["text"]');
}

/** vLLM's own form, which it checks itself. */
function structuralTag(body: Fields): Record<string, unknown> {
  const format = objectField(body, 'response_format');
  return format?.['type'] === 'structural_tag' ? { response_format: format } : {};
}

function decodeFormat(body: Fields): ResponseFormat {
  const format = objectField(body, 'response_format');
  if (format === undefined) return { kind: 'text' };
  const { type } = format;
  if (type === undefined || type === 'text' || type === 'structural_tag') return { kind: 'text' };
  if (type === 'json_object') return { kind: 'json_object' };
  if (type !== 'json_schema')
    throw invalid('response_format.type', 'must be text, json_object or json_schema');
  const inner = objectField(format, 'json_schema', 'response_format.');
  if (inner === undefined) throw invalid('response_format.json_schema', 'is required');
  const schema = objectField(inner, 'schema', 'response_format.json_schema.');
  if (schema === undefined) return { kind: 'json_object' };
  const strict = booleanField(inner, 'strict', 'response_format.json_schema.');
  return {
    kind: 'json_schema',
    name: textField(inner, 'name', 'response_format.json_schema.') ?? 'answer',
    schema,
    ...(strict === undefined ? {} : { strict }),
  };
}

function logprobFields(body: Fields): Record<string, unknown> {
  const isAsked = booleanField(body, 'logprobs') ?? false;
  const top = numberField(body, 'top_logprobs', { min: 0, max: LIMITS.logprobsTop, isInteger: true });
  if (!isAsked) return {};
  return { logprobs: true, ...(top === undefined ? {} : { top_logprobs: top }) };
}
