/** The response object: the request's own settings echoed, and what came of it. */
import type { DynamoError } from '../../errors.js';
import type { CommonRequest, Usage } from '../../request/types.js';
import { type Fields, isFields } from '../fields.js';
import { openAiError } from '../openai-error.js';
import type { EncodeContext } from '../types.js';
import { stateOf } from './state.js';

export type ResponseStatus = 'in_progress' | 'completed' | 'incomplete' | 'failed';

export interface ResponseFacts {
  status: ResponseStatus;
  output: readonly unknown[];
  usage: Usage | null;
  error: DynamoError | null;
  /** `max_output_tokens` or `content_filter` when the answer was cut. */
  incompleteReason: string | null;
}

/** Id of the response a request gets. */
export function responseId(request: CommonRequest): string {
  return `resp_${request.id}`;
}

export function responseObject(
  request: CommonRequest,
  context: EncodeContext,
  facts: ResponseFacts,
): Record<string, unknown> {
  const { body, isKept } = stateOf(request);
  const { status, output, usage, error, incompleteReason } = facts;
  const isOver = status !== 'in_progress';
  return {
    id: responseId(request),
    object: 'response',
    created_at: context.created,
    completed_at: status === 'completed' ? (context.now?.() ?? context.created) : null,
    status,
    error: error === null ? null : { code: openAiError(error).code, message: openAiError(error).message },
    incomplete_details: incompleteReason === null ? null : { reason: incompleteReason },
    model: context.model,
    output,
    usage: usage === null ? null : responseUsage(usage),
    ...echoOf(body, request),
    store: isKept,
    ...(isOver && context.nvext !== undefined ? { nvext: context.nvext() } : {}),
  };
}

/** OpenAI's defaults where the client gave nothing. */
function echoOf(body: Fields, request: CommonRequest): Record<string, unknown> {
  const reasoning = isFields(body['reasoning']) ? body['reasoning'] : {};
  const text = isFields(body['text']) ? body['text'] : {};
  return {
    instructions: body['instructions'] ?? null,
    previous_response_id: body['previous_response_id'] ?? null,
    tools: (Array.isArray(body['tools']) ? body['tools'] : []).map(echoedTool),
    tool_choice: body['tool_choice'] ?? 'auto',
    parallel_tool_calls: request.parallelToolCalls,
    text: { ...text, format: echoedFormat(text['format']) },
    reasoning: { effort: reasoning['effort'] ?? null, summary: reasoning['summary'] ?? null },
    temperature: request.sampling.temperature ?? 1,
    top_p: request.sampling.topP ?? 1,
    presence_penalty: request.sampling.presencePenalty ?? 0,
    frequency_penalty: request.sampling.frequencyPenalty ?? 0,
    top_logprobs: body['top_logprobs'] ?? 0,
    max_output_tokens: body['max_output_tokens'] ?? null,
    max_tool_calls: body['max_tool_calls'] ?? null,
    truncation: body['truncation'] ?? 'disabled',
    background: false,
    service_tier: 'default',
    metadata: body['metadata'] ?? {},
    user: body['user'] ?? null,
    safety_identifier: body['safety_identifier'] ?? null,
    prompt_cache_key: body['prompt_cache_key'] ?? null,
  };
}

function echoedFormat(format: unknown): unknown {
  if (!isFields(format)) return { type: 'text' };
  return format['type'] === 'json_schema' ? { description: null, strict: false, ...format } : format;
}

function echoedTool(tool: unknown): unknown {
  if (!isFields(tool) || tool['type'] !== 'function') return tool;
  return { description: null, parameters: null, strict: null, ...tool };
}

function responseUsage(usage: Usage): Record<string, unknown> {
  return {
    input_tokens: usage.promptTokens,
    input_tokens_details: { cached_tokens: usage.cachedTokens },
    output_tokens: usage.outputTokens,
    output_tokens_details: { reasoning_tokens: usage.reasoningTokens },
    total_tokens: usage.promptTokens + usage.outputTokens,
  };
}
