/** Answers and stream chunks in vLLM 0.32's shapes. Fields vLLM always sends as null are sent as null. */
import type { EngineCore, TokenLogprobs } from '../types.js';
import type { ChoiceEvent, ChoiceFinish } from './choice.js';
import type { CompletionRequest } from './completion-request.js';
import { chatLogprobs, textLogprobs } from './logprob-fields.js';

export interface UsageCounts {
  prompt: number;
  completion: number;
  cached: number;
  /** Prompt tokens in full blocks that were not cached before. */
  created: number;
}

type Json = Record<string, unknown>;

/** What every chunk and answer of one request shares. */
export class Frames {
  readonly #core: EngineCore;
  readonly #request: CompletionRequest;
  readonly #created: number;

  /** `created`: Unix seconds. */
  constructor(core: EngineCore, request: CompletionRequest, created: number) {
    this.#core = core;
    this.#request = request;
    this.#created = created;
  }

  /** First chunk of each choice of a chat. */
  role(index: number, usage: UsageCounts): Json {
    const choice = { index, delta: { role: 'assistant', content: '' }, logprobs: null, finish_reason: null };
    return { ...this.#chunk(choice, usage), prompt_token_ids: this.#promptIds(), prompt_text: null };
  }

  /** `place.isFirst`: no delta of this choice was sent yet; `place.offset`: characters of its text so far. */
  delta(
    index: number,
    event: ChoiceEvent,
    place: { isFirst: boolean; offset: number },
    usage: UsageCounts,
  ): Json {
    const { kind, streamsTokenIds } = this.#request;
    if (event.kind !== 'text') {
      const delta = { content: null, tool_calls: [callDelta(event)] };
      const token_ids = event.tokenIds ?? null;
      return this.#chunk({ index, delta, logprobs: null, finish_reason: null, token_ids }, usage);
    }
    const logprobs = this.#logprobs(event.logprobs, place.offset);
    const token_ids = streamsTokenIds ? event.tokenIds : null;
    if (kind === 'chat') {
      const delta = { content: event.text };
      return this.#chunk({ index, delta, logprobs, finish_reason: null, token_ids }, usage);
    }
    const prompt_token_ids = place.isFirst ? this.#promptIds() : null;
    const end = { finish_reason: null, stop_reason: null, prompt_token_ids, token_ids };
    return this.#chunk({ index, text: event.text, logprobs, ...end }, usage);
  }

  finish(index: number, finish: ChoiceFinish, usage: UsageCounts): Json {
    const end = { logprobs: null, finish_reason: finish.reason, stop_reason: finish.stop };
    const choice =
      this.#request.kind === 'chat'
        ? { index, delta: {}, ...end, token_ids: null }
        : { index, text: '', ...end, prompt_token_ids: null, token_ids: null };
    return this.#chunk(choice, usage);
  }

  /** Last chunk of a stream that asked for it. */
  usage(usage: UsageCounts): Json {
    const { prompt_tokens_details: details, ...counts } = usageFields(usage);
    return {
      ...this.#head(),
      choices: [],
      usage: { ...counts, prompt_tokens_details: details },
      system_fingerprint: this.#fingerprint(),
    };
  }

  /** A whole choice, from the same events a stream would have sent. */
  choice(index: number, events: readonly ChoiceEvent[], finish: ChoiceFinish): Json {
    const texts = events.filter((event) => event.kind === 'text');
    const text = texts.map((event) => event.text).join('');
    const logprobs = this.#logprobs(
      texts.flatMap((event) => event.logprobs),
      0,
    );
    const token_ids = this.#request.returnTokenIds ? events.flatMap((event) => event.tokenIds ?? []) : null;
    const end = { logprobs, finish_reason: finish.reason, stop_reason: finish.stop, token_ids };
    if (this.#request.kind === 'chat')
      return { index, message: message(text, callsOf(events)), ...end, routed_experts: null };
    const prompt_token_ids = this.#promptIds();
    return { index, text, ...end, prompt_logprobs: null, prompt_token_ids, routed_experts: null };
  }

  answer(choices: Json[], usage: UsageCounts): Json {
    const { prompt_tokens_details: details, ...counts } = usageFields(usage);
    const isChat = this.#request.kind === 'chat';
    return {
      ...this.#head(),
      object: isChat ? 'chat.completion' : 'text_completion',
      choices,
      service_tier: null,
      system_fingerprint: this.#fingerprint(),
      usage: {
        ...counts,
        prompt_tokens_details: { ...details, multimodal_tokens: null },
        completion_tokens_details: null,
      },
      ...(isChat ? { prompt_logprobs: null, prompt_token_ids: this.#promptIds(), prompt_text: null } : {}),
      kv_transfer_params: null,
    };
  }

  #head(): Json {
    const { id, kind, model } = this.#request;
    const object = kind === 'chat' ? 'chat.completion.chunk' : 'text_completion';
    return { id, object, created: this.#created, model };
  }

  #chunk(choice: Json, usage: UsageCounts): Json {
    const chunk = { ...this.#head(), choices: [choice] };
    if (!this.#request.continuousUsage) return chunk;
    const { prompt_tokens_details: _, ...counts } = usageFields(usage);
    return { ...chunk, usage: { ...counts, completion_tokens_details: null } };
  }

  #promptIds(): number[] | null {
    return this.#request.returnTokenIds ? Array.from(this.#request.tokens) : null;
  }

  #logprobs(entries: readonly TokenLogprobs[], offset: number): unknown {
    if (this.#request.logprobs === null || entries.length === 0) return null;
    return this.#request.kind === 'chat'
      ? chatLogprobs(this.#core, entries)
      : textLogprobs(this.#core, entries, offset);
  }

  #fingerprint(): string {
    const { engine, libraryVersion, modelSha256 } = this.#core.info;
    return `${engine}-${libraryVersion}-${modelSha256.slice(0, 8)}`;
  }
}

function usageFields({ prompt, completion, cached, created }: UsageCounts) {
  return {
    prompt_tokens: prompt,
    total_tokens: prompt + completion,
    completion_tokens: completion,
    prompt_tokens_details: { cached_tokens: cached, created_cache_tokens: created },
  };
}

function callDelta(event: Exclude<ChoiceEvent, { kind: 'text' }>): Json {
  return event.kind === 'call'
    ? { id: event.id, type: 'function', index: event.call, function: { name: event.name } }
    : { index: event.call, function: { arguments: event.text } };
}

interface Call {
  id: string;
  type: 'function';
  function: { name: string; arguments: string };
}

function callsOf(events: readonly ChoiceEvent[]): Call[] {
  const calls: Call[] = [];
  for (const event of events) {
    if (event.kind === 'call')
      calls.push({ id: event.id, type: 'function', function: { name: event.name, arguments: '' } });
    const current = event.kind === 'arguments' ? calls[event.call] : undefined;
    if (event.kind === 'arguments' && current !== undefined) current.function.arguments += event.text;
  }
  return calls;
}

function message(content: string, calls: Call[]): Json {
  return {
    role: 'assistant',
    content,
    refusal: null,
    annotations: null,
    audio: null,
    function_call: null,
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
    reasoning: null,
  };
}
