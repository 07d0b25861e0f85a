/** Chunks of `/v1/chat/completions` and `/v1/completions` as common stream events. */
import { DynamoError } from '../errors.js';
import { LIMITS } from '../limits.js';
import type { StopReason, StreamEvent, Usage } from '../request/types.js';
import { engineError } from './engine-error.js';
import { withoutPromptIds } from './prompt-ids.js';
import { RepeatedChunk } from './repeated-chunk.js';
import { ToolCalls } from './tool-calls.js';

interface ChoiceState {
  isFinished: boolean;
  tools: ToolCalls;
}

type Fields = Record<string, unknown>;

const REASONS = new Map<string, StopReason>([
  ['stop', 'stop'],
  ['eos', 'stop'],
  ['length', 'length'],
  ['tool_calls', 'tool_use'],
  ['function_call', 'tool_use'],
  ['content_filter', 'content_filter'],
]);

/**
 * One per stream. `push` takes the data of one SSE event and answers the events it stands for; after an
 * event of type `done` or `error` it answers nothing. Usage is told once, just before `done`: engines send it
 * in every chunk, in the last one with choices, or in one of its own after the finish.
 */
export class ChunkDecoder {
  readonly #worker: string;
  readonly #choices = new Map<number, ChoiceState>();
  readonly #repeated = new RepeatedChunk();
  #hasNoneFinished = true;
  #engineId = '';
  #isStarted = false;
  #isOver = false;
  #usage: Usage | null = null;

  constructor(worker: string) {
    this.#worker = worker;
  }

  push(data: string): StreamEvent[] {
    if (this.#isOver) return [];
    const repeated = this.#repeated.read(data);
    if (repeated !== null) return [repeated];
    if (data.trim() === '[DONE]') return this.#finishAll();
    let chunk: unknown;
    try {
      chunk = JSON.parse(this.#isStarted ? data : withoutPromptIds(data));
    } catch {
      return this.#fail(this.#bad(`a line that is not JSON: ${data.slice(0, 120)}`));
    }
    if (!isFields(chunk)) return this.#fail(this.#bad('a chunk that is not an object'));
    if (isFailure(chunk)) return this.#fail(engineError({ worker: this.#worker, status: 0, body: chunk }));
    const events = this.#chunk(chunk);
    // A usage in every chunk must be read in every chunk, and after a finish nothing of a choice counts.
    if (!isFields(chunk['usage']) && this.#hasNoneFinished) this.#repeated.learn(data, events);
    else this.#repeated.learn(data, []);
    return events;
  }

  /** The bytes ended before `[DONE]`. */
  end(): StreamEvent[] {
    if (this.#isOver) return [];
    return this.#fail(
      new DynamoError('engine_lost', { worker: this.#worker, detail: 'its stream ended without [DONE]' }),
    );
  }

  #chunk(chunk: Fields): StreamEvent[] {
    const out: StreamEvent[] = [];
    if (!this.#isStarted) {
      this.#isStarted = true;
      this.#engineId = typeof chunk['id'] === 'string' ? chunk['id'] : '';
      out.push({ type: 'start', engineId: this.#engineId });
    }
    if (isFields(chunk['usage'])) this.#usage = usageOf(chunk['usage']);
    const choices = Array.isArray(chunk['choices']) ? chunk['choices'] : [];
    for (const choice of choices) {
      if (isFields(choice)) this.#choice(choice, out);
      if (this.#isOver) break;
    }
    return out;
  }

  #choice(choice: Fields, out: StreamEvent[]): void {
    const index = choice['index'] ?? 0;
    // Whoever puts the answer together makes room for every choice below it.
    const isIndex = typeof index === 'number' && Number.isInteger(index) && index >= 0;
    if (!isIndex || index >= LIMITS.choicesMax) {
      out.push(...this.#fail(this.#bad(`a choice with the index ${JSON.stringify(index).slice(0, 40)}`)));
      return;
    }
    const state = this.#stateOf(index);
    if (state.isFinished) return;
    const delta = isFields(choice['delta'])
      ? choice['delta']
      : isFields(choice['message'])
        ? choice['message']
        : {};
    const thinking = text(delta['reasoning']) || text(delta['reasoning_content']);
    const before = out.length;
    if (thinking !== '') out.push({ type: 'thinking', choice: index, text: thinking });
    const hasText = pushText(choice, delta, index, out);
    const calls = Array.isArray(delta['tool_calls']) ? delta['tool_calls'] : [];
    // Calls of a whole message are complete and stand in a row, mostly without an index.
    const isWhole = delta === choice['message'];
    for (const [at, call] of calls.entries()) {
      if (isFields(call)) state.tools.push(isWhole ? { ...call, index: at } : call, out);
    }
    if (isFields(delta['function_call']))
      state.tools.push({ index: 0, function: delta['function_call'] }, out);
    if (!hasText) addTokenIds(choice, index, out, before);
    if (typeof choice['finish_reason'] === 'string') this.#finish(choice, index, state, out);
  }

  #finish(choice: Fields, index: number, state: ChoiceState, out: StreamEvent[]): void {
    const name = choice['finish_reason'] as string;
    if (name === 'abort' || name === 'error') {
      out.push(...this.#fail(this.#bad(`finish reason "${name}"`)));
      return;
    }
    // Cut by its bound, a call may lack anything: the client is told `length` and knows.
    if (name !== 'length' && !this.#endCalls(state, out)) return;
    state.isFinished = true;
    this.#hasNoneFinished = false;
    const mapped = REASONS.get(name) ?? 'stop';
    const stopSequence = typeof choice['stop_reason'] === 'string' ? choice['stop_reason'] : undefined;
    // A named tool_choice ends with `stop` in vLLM; for a client it is a tool call all the same.
    if (mapped === 'stop' && state.tools.count > 0)
      out.push({ type: 'finish', choice: index, reason: 'tool_use' });
    else if (mapped === 'stop' && stopSequence !== undefined)
      out.push({ type: 'finish', choice: index, reason: 'stop_sequence', stopSequence });
    else out.push({ type: 'finish', choice: index, reason: mapped });
  }

  /** False when a call stayed without a name: the answer is broken then, and the client hears so. */
  #endCalls(state: ChoiceState, out: StreamEvent[]): boolean {
    state.tools.finish(out);
    if (state.tools.nameless === 0) return true;
    out.push(...this.#fail(this.#bad('a tool call without a name')));
    return false;
  }

  #finishAll(): StreamEvent[] {
    if (this.#choices.size === 0) return this.#fail(this.#bad('an answer without any choice'));
    const out: StreamEvent[] = [];
    for (const [choice, state] of this.#choices) {
      if (state.isFinished) continue;
      if (!this.#endCalls(state, out)) return out;
      out.push({ type: 'finish', choice, reason: state.tools.count > 0 ? 'tool_use' : 'stop' });
    }
    if (this.#usage !== null) out.push({ type: 'usage', usage: this.#usage });
    out.push({ type: 'done' });
    this.#isOver = true;
    return out;
  }

  #stateOf(index: number): ChoiceState {
    let state = this.#choices.get(index);
    if (state === undefined) {
      state = { isFinished: false, tools: new ToolCalls(index, this.#engineId) };
      this.#choices.set(index, state);
    }
    return state;
  }

  #bad(what: string): DynamoError {
    return new DynamoError('engine_error', { worker: this.#worker, detail: `it sent ${what}` });
  }

  #fail(error: DynamoError): StreamEvent[] {
    this.#isOver = true;
    return [{ type: 'error', error }];
  }
}

/** Token counts; null details (vLLM without `--enable-prompt-tokens-details`) count as 0. */
export function usageOf(usage: Fields): Usage {
  const prompt = isFields(usage['prompt_tokens_details']) ? usage['prompt_tokens_details'] : {};
  const output = isFields(usage['completion_tokens_details']) ? usage['completion_tokens_details'] : {};
  return {
    promptTokens: count(usage['prompt_tokens']),
    cachedTokens: count(prompt['cached_tokens']),
    outputTokens: count(usage['completion_tokens']),
    reasoningTokens: count(output['reasoning_tokens'] ?? usage['reasoning_tokens']),
  };
}

/** Text of a chat delta or a completion; an empty piece counts only when logprobs come with it. False without any. */
function pushText(choice: Fields, delta: Fields, index: number, out: StreamEvent[]): boolean {
  const piece = text(delta['content']) || text(delta['refusal']) || text(choice['text']);
  const logprobs = choice['logprobs'] ?? undefined;
  if (piece === '' && logprobs === undefined) return false;
  const tokenIds = tokenIdsOf(choice);
  out.push({
    type: 'text',
    choice: index,
    text: piece,
    ...(logprobs === undefined ? {} : { logprobs }),
    ...(tokenIds === undefined ? {} : { tokenIds }),
  });
  return true;
}

/** Of a chunk without text: with the last of its events, or with a text of nothing. */
function addTokenIds(choice: Fields, index: number, out: StreamEvent[], from: number): void {
  const tokenIds = tokenIdsOf(choice);
  if (tokenIds === undefined) return;
  const last = out.length > from ? out.at(-1) : undefined;
  if (last?.type === 'thinking' || last?.type === 'tool_start' || last?.type === 'tool_delta')
    last.tokenIds = tokenIds;
  else out.push({ type: 'text', choice: index, text: '', tokenIds });
}

function tokenIdsOf(choice: Fields): number[] | undefined {
  const ids = choice['token_ids'];
  return Array.isArray(ids) && ids.length > 0 ? (ids as number[]) : undefined;
}

function isFailure(chunk: Fields): boolean {
  if (chunk['object'] === 'error') return true;
  const { error } = chunk;
  return error !== undefined && error !== null && error !== false;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function count(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0 ? Math.floor(value) : 0;
}
