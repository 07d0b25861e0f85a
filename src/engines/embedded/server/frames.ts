/** Answers and stream chunks in vLLM's shapes. */
import type { EngineCore, TokenLogprobs } from '../types.js';
import type { ChoiceEvent, ChoiceFinish } from './choice.js';
import type { CompletionRequest } from './completion-request.js';

export interface UsageCounts {
  prompt: number;
  completion: number;
  cached: number;
}

export function usageFields({ prompt, completion, cached }: UsageCounts): Record<string, unknown> {
  return {
    prompt_tokens: prompt,
    total_tokens: prompt + completion,
    completion_tokens: completion,
    prompt_tokens_details: { cached_tokens: cached, created_cache_tokens: null },
  };
}

/** One `data:` value of a stream; `choice` null for the usage chunk. */
export function chunk(
  request: CompletionRequest,
  created: number,
  choice: Record<string, unknown> | null,
  usage?: UsageCounts,
): Record<string, unknown> {
  return {
    id: request.id,
    object: request.kind === 'chat' ? 'chat.completion.chunk' : 'text_completion',
    created,
    model: request.model,
    choices: choice === null ? [] : [choice],
    ...(usage === undefined ? {} : { usage: usageFields(usage) }),
  };
}

export function deltaChoice(
  core: EngineCore,
  request: CompletionRequest,
  index: number,
  event: ChoiceEvent,
  callIndex: number,
): Record<string, unknown> {
  const base = { index, finish_reason: null };
  if (event.kind === 'text') {
    const logprobs = logprobFields(core, request, event.logprobs);
    const ids = request.returnTokenIds ? event.tokenIds : null;
    const text = request.kind === 'chat' ? { delta: { content: event.text } } : { text: event.text };
    return { ...base, ...text, logprobs, token_ids: ids };
  }
  const call =
    event.kind === 'call'
      ? { id: event.id, type: 'function', index: callIndex, function: { name: event.name } }
      : { index: callIndex, function: { arguments: event.text } };
  return { ...base, delta: { content: null, tool_calls: [call] }, logprobs: null, token_ids: null };
}

export function finishChoice(
  request: CompletionRequest,
  index: number,
  finish: ChoiceFinish,
): Record<string, unknown> {
  const empty = request.kind === 'chat' ? { delta: {} } : { text: '' };
  return {
    index,
    ...empty,
    logprobs: null,
    finish_reason: finish.reason,
    stop_reason: finish.stop,
    token_ids: null,
  };
}

/** A whole choice, from the same events a stream would have sent. */
export function wholeChoice(
  core: EngineCore,
  request: CompletionRequest,
  index: number,
  events: readonly ChoiceEvent[],
  finish: ChoiceFinish,
): Record<string, unknown> {
  const texts = events.filter((event) => event.kind === 'text');
  const text = texts.map((event) => event.text).join('');
  const logprobs = logprobFields(
    core,
    request,
    texts.flatMap((event) => event.logprobs),
  );
  const common = {
    index,
    logprobs,
    finish_reason: finish.reason,
    stop_reason: finish.stop,
    token_ids: request.returnTokenIds ? texts.flatMap((event) => event.tokenIds) : null,
  };
  if (request.kind === 'text') return { ...common, text };
  const calls = callsOf(events);
  return {
    ...common,
    message: {
      role: 'assistant',
      content: text,
      refusal: null,
      ...(calls.length === 0 ? {} : { tool_calls: calls }),
      reasoning: null,
    },
  };
}

export function wholeAnswer(
  request: CompletionRequest,
  created: number,
  choices: Record<string, unknown>[],
  usage: UsageCounts,
): Record<string, unknown> {
  return {
    id: request.id,
    object: request.kind === 'chat' ? 'chat.completion' : 'text_completion',
    created,
    model: request.model,
    choices,
    usage: usageFields(usage),
    ...(request.returnTokenIds ? { prompt_token_ids: Array.from(request.tokens) } : {}),
  };
}

function callsOf(
  events: readonly ChoiceEvent[],
): { id: string; type: 'function'; function: { name: string; arguments: string } }[] {
  const calls: ReturnType<typeof callsOf> = [];
  for (const event of events) {
    if (event.kind === 'call')
      calls.push({ id: event.id, type: 'function', function: { name: event.name, arguments: '' } });
    const last = calls.at(-1);
    if (event.kind === 'arguments' && last !== undefined) last.function.arguments += event.text;
  }
  return calls;
}

function logprobFields(
  core: EngineCore,
  request: CompletionRequest,
  entries: readonly TokenLogprobs[],
): unknown {
  if (request.logprobs === null || entries.length === 0) return null;
  const shown = (token: number, logprob: number) => {
    const bytes = core.piece(token, { special: true });
    return { token: new TextDecoder().decode(bytes), logprob, bytes: Array.from(bytes) };
  };
  if (request.kind === 'chat') {
    return {
      content: entries.map(({ token, logprob, top }) => ({
        ...shown(token, logprob),
        top_logprobs: top.map((entry) => shown(entry.token, entry.logprob)),
      })),
    };
  }
  return {
    tokens: entries.map(({ token, logprob }) => shown(token, logprob).token),
    token_logprobs: entries.map(({ logprob }) => logprob),
    top_logprobs: entries.map(({ top }) =>
      Object.fromEntries(top.map((entry) => [shown(entry.token, 0).token, entry.logprob])),
    ),
  };
}
