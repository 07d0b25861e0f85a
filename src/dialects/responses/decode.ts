/** A Responses body as a common request. */
import { DynamoError } from '../../errors.js';
import { LIMITS } from '../../limits.js';
import type { CommonRequest, Message, ResponseFormat } from '../../request/types.js';
import {
  bodyFields,
  booleanField,
  type Fields,
  invalid,
  isFields,
  numberField,
  objectField,
  requiredText,
  shown,
  textField,
  textsField,
  unsupported,
} from '../fields.js';
import { decodeHints } from '../hints.js';
import { reasoningOf } from '../reasoning.js';
import { decodeSampling, engineFieldsOf, stopOf } from '../sampling.js';
import { TurnList } from '../turns.js';
import type { DecodeContext } from '../types.js';
import { askForSummary } from './compaction.js';
import { addItem } from './decode-items.js';
import { decodeResponsesTools } from './decode-tools.js';
import { resolveReferences } from './references.js';
import type { ResponsesState } from './state.js';

/** Throws `invalid_request` or `unsupported` naming the field. */
export function decodeResponses(value: unknown, context: DecodeContext): CommonRequest {
  const body = bodyFields(value);
  refuseMissing(body);
  warnIgnored(body, context);
  const inputItems = resolveReferences(inputOf(body), context);
  const last = inputItems.at(-1);
  const isCompaction = isFields(last) && last['type'] === 'compaction_trigger';
  const { messages, history } = conversation(body, { inputItems, isCompaction }, context);
  const { tools, toolChoice, names } = decodeResponsesTools(body, inputItems, context);
  const isPrewarm = booleanField(body, 'generate') === false;
  const asked = numberField(body, 'max_output_tokens', { min: 1, isInteger: true });
  const maxTokens = isPrewarm ? 1 : (asked ?? (isCompaction ? LIMITS.compactSummaryTokens : undefined));
  const reasoning = objectField(body, 'reasoning') ?? {};
  const include = textsField(body, 'include');
  const state: ResponsesState = {
    body,
    inputItems,
    history,
    toolNames: names,
    isKept: booleanField(body, 'store') ?? true,
    isPrewarm,
    isCompaction,
    wantsSummary: typeof (reasoning['summary'] ?? reasoning['generate_summary']) === 'string',
    wantsEncrypted: include.includes('reasoning.encrypted_content'),
  };
  return {
    id: context.requestId,
    dialect: 'responses',
    model: requiredText(body, 'model'),
    input: { kind: 'chat', messages },
    tools,
    // The tools stay in the prompt of a summary, so that what is cached of the conversation is found.
    toolChoice: isCompaction ? { kind: 'auto' } : toolChoice,
    parallelToolCalls: booleanField(body, 'parallel_tool_calls') ?? true,
    sampling: decodeSampling(body),
    ...(maxTokens === undefined ? {} : { maxTokens }),
    stop: stopOf(body, 'stop'),
    format: isCompaction ? { kind: 'text' } : formatOf(body),
    n: 1,
    reasoning: reasoningOf({ effort: textField(reasoning, 'effort', 'reasoning.') }),
    stream: booleanField(body, 'stream') ?? false,
    includeUsage: true,
    hints: decodeHints(body, context.headers),
    extra: isPrewarm ? prewarmFields(body) : { ...engineFieldsOf(body), ...logprobFields(body, include) },
    dialectState: { responses: state },
  };
}

/** What would be answered wrongly if it were ignored. */
function refuseMissing(body: Fields): void {
  if (body['background'] === true)
    throw unsupported('background', 'answers are not computed in the background');
  if (isFields(body['conversation']) || typeof body['conversation'] === 'string')
    throw unsupported('conversation', 'send the items, or previous_response_id');
  if (isFields(body['prompt'])) throw unsupported('prompt', 'prompt templates are not stored here');
}

/** Accepted, because an answer without them is right as well. */
function warnIgnored(body: Fields, context: DecodeContext): void {
  const { context_management: management } = body;
  if (isFields(management) || (Array.isArray(management) && management.length > 0))
    context.warn(
      'field_ignored',
      'context_management: send compaction_trigger, or call /v1/responses/compact',
    );
  if (body['truncation'] === 'auto')
    context.warn('field_ignored', 'truncation: a prompt over the limit is refused, never cut');
}

export function inputOf(body: Fields): unknown[] {
  const { input } = body;
  if (typeof input === 'string') {
    return [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: input }] }];
  }
  if (Array.isArray(input)) return input;
  const goesOn = typeof body['previous_response_id'] === 'string';
  if ((input === undefined || input === null) && goesOn) return [];
  throw invalid('input', 'must be a string or a list of items');
}

/** `instructions` hold for this request alone and are no part of what is kept. */
function conversation(
  body: Fields,
  { inputItems, isCompaction }: { inputItems: readonly unknown[]; isCompaction: boolean },
  context: DecodeContext,
): { messages: Message[]; history: Message[] } {
  const said = new TurnList();
  const previous = textField(body, 'previous_response_id');
  if (previous !== undefined) {
    const kept = context.kept?.(previous);
    if (kept === undefined) {
      const param = 'previous_response_id';
      throw new DynamoError('previous_response_not_found', { id: previous.slice(0, 100) }, { param });
    }
    said.again(kept.messages);
  }
  for (const [index, item] of inputItems.entries()) addItem(said, item, `input[${index}]`, context);
  if (previous !== undefined) refuseUncalled(said.messages, inputItems);
  const turns = new TurnList();
  const instructions = textField(body, 'instructions');
  if (instructions !== undefined && instructions !== '') turns.system([{ type: 'text', text: instructions }]);
  turns.again(said.messages);
  if (isCompaction) askForSummary(turns);
  // Codex probes with an empty input: a chat needs one turn.
  if (turns.messages.every(({ role }) => role === 'system')) turns.user([{ type: 'text', text: '' }]);
  return { messages: turns.messages, history: said.messages };
}

/** Output for a call that the conversation gone on from never made belongs to another conversation. */
function refuseUncalled(messages: readonly Message[], inputItems: readonly unknown[]): void {
  const calls = messages.flatMap(({ blocks }) =>
    blocks.flatMap((block) => (block.type === 'tool_use' ? [block.id] : [])),
  );
  const known = new Set(calls);
  for (const [index, item] of inputItems.entries()) {
    if (!isFields(item) || !shown(item['type']).endsWith('_call_output')) continue;
    const id = item['call_id'];
    if (typeof id !== 'string' || known.has(id)) continue;
    throw invalid(
      `input[${index}].call_id`,
      `No tool call found for function call output with call_id ${id.slice(0, 100)}.`,
    );
  }
}

function formatOf(body: Fields): ResponseFormat {
  const format = objectField(objectField(body, 'text') ?? {}, 'format', 'text.');
  const type = format?.['type'];
  if (format === undefined || type === undefined || type === 'text') return { kind: 'text' };
  if (type === 'json_object') return { kind: 'json_object' };
  if (type !== 'json_schema') throw invalid('text.format.type', 'must be text, json_object or json_schema');
  const { schema } = format;
  if (!isFields(schema)) throw invalid('text.format.schema', 'must be a JSON schema object');
  const strict = booleanField(format, 'strict', 'text.format.');
  return {
    kind: 'json_schema',
    name: textField(format, 'name', 'text.format.') ?? 'answer',
    schema,
    ...(strict === undefined ? {} : { strict }),
  };
}

/** What shapes the prompt stays; what asks for more than the one token of a prewarm would be refused. */
function prewarmFields(body: Fields): Record<string, unknown> {
  const { min_tokens: _, ...fields } = engineFieldsOf(body);
  return fields;
}

function logprobFields(body: Fields, include: readonly string[]): Record<string, unknown> {
  const top = numberField(body, 'top_logprobs', { min: 0, max: LIMITS.logprobsTop, isInteger: true });
  if (!include.includes('message.output_text.logprobs')) return {};
  return { logprobs: true, top_logprobs: top ?? 0 };
}
