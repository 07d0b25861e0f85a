/** Stream events as chat-completion chunks. */
import type { CommonRequest, StreamEvent, Usage } from '../../request/types.js';
import { openAiError } from '../openai-error.js';
import { SSE_COMMENT_PING, SSE_DONE, sseData } from '../sse.js';
import { freeformText } from '../tools.js';
import type { EncodeContext, StreamEncoder } from '../types.js';
import { finishReason } from './finish-reason.js';
import { chatUsage } from './usage.js';

/** What all chunks of one answer have in common is turned to text once: a chunk costs one small JSON text. */
export class ChatStream implements StreamEncoder {
  readonly #head: string;
  /** `usage: null` in every chunk when the last one carries it, as OpenAI does. */
  readonly #tail: string;
  readonly #request: CommonRequest;
  readonly #context: EncodeContext;
  readonly #freeform: Set<string>;
  readonly #isLegacy: boolean;
  /** Arguments of freeform calls so far, by choice and index: they are given as text when complete. */
  readonly #freeformCalls = new Map<string, { choice: number; index: number; arguments: string }>();
  #isStarted = false;
  #usage: Usage | null = null;

  constructor(request: CommonRequest, context: EncodeContext) {
    const { created, model } = context;
    const common = { id: `chatcmpl-${request.id}`, object: 'chat.completion.chunk', created, model };
    this.#head = `data: ${JSON.stringify(common).slice(0, -1)},"choices":[{"index":`;
    this.#tail = request.includeUsage ? ',"usage":null}\n\n' : '}\n\n';
    this.#request = request;
    this.#context = context;
    this.#freeform = new Set(request.dialectState['freeform'] as string[] | undefined);
    this.#isLegacy = request.dialectState['isLegacy'] === true;
  }

  push(event: StreamEvent): string {
    switch (event.type) {
      case 'start':
        return this.#start();
      case 'text':
        return this.#text(event);
      case 'thinking': {
        const text = JSON.stringify(event.text);
        return this.#chunk(event.choice, `{"reasoning":${text},"reasoning_content":${text}}`);
      }
      case 'tool_start':
        return this.#toolStart(event);
      case 'tool_delta':
        return this.#toolDelta(event);
      case 'finish':
        return this.#finish(event);
      case 'usage':
        this.#usage = event.usage;
        return '';
      case 'done':
        return this.#done();
      case 'error':
        return sseData({ error: openAiError(event.error) });
    }
  }

  ping(): string {
    return SSE_COMMENT_PING;
  }

  #start(): string {
    if (this.#isStarted) return '';
    this.#isStarted = true;
    let out = '';
    for (let choice = 0; choice < this.#request.n; choice += 1) {
      out += this.#chunk(choice, '{"role":"assistant","content":""}');
    }
    return out;
  }

  #text(event: Extract<StreamEvent, { type: 'text' }>): string {
    const { logprobs, tokenIds } = event;
    const more =
      (logprobs === undefined ? ',"logprobs":null' : `,"logprobs":${JSON.stringify(logprobs)}`) +
      (tokenIds === undefined ? '' : `,"token_ids":${JSON.stringify(tokenIds)}`);
    return this.#chunk(event.choice, `{"content":${JSON.stringify(event.text)}}`, more);
  }

  #toolStart(event: Extract<StreamEvent, { type: 'tool_start' }>): string {
    const { choice, index, id, name } = event;
    if (this.#isLegacy) return index === 0 ? this.#legacyCall(choice, { name, arguments: '' }) : '';
    if (this.#freeform.has(name)) {
      this.#freeformCalls.set(`${choice}.${index}`, { choice, index, arguments: '' });
      return this.#call(choice, { index, id, type: 'custom', custom: { name, input: '' } });
    }
    return this.#call(choice, { index, id, type: 'function', function: { name, arguments: '' } });
  }

  #toolDelta(event: Extract<StreamEvent, { type: 'tool_delta' }>): string {
    const { choice, index } = event;
    if (this.#isLegacy) return index === 0 ? this.#legacyCall(choice, { arguments: event.arguments }) : '';
    const freeform = this.#freeformCalls.get(`${choice}.${index}`);
    if (freeform === undefined)
      return this.#call(choice, { index, function: { arguments: event.arguments } });
    freeform.arguments += event.arguments;
    return '';
  }

  #finish(event: Extract<StreamEvent, { type: 'finish' }>): string {
    let out = '';
    for (const [key, call] of this.#freeformCalls) {
      if (call.choice !== event.choice) continue;
      this.#freeformCalls.delete(key);
      out += this.#call(call.choice, { index: call.index, custom: { input: freeformText(call.arguments) } });
    }
    const { nvext } = this.#context;
    const more =
      (event.stopSequence === undefined ? '' : `,"stop_reason":${JSON.stringify(event.stopSequence)}`) +
      `,"finish_reason":"${finishReason(event.reason, this.#isLegacy)}"`;
    const extension = nvext === undefined ? '' : `,"nvext":${JSON.stringify(nvext())}`;
    return `${out}${this.#head}${event.choice},"delta":{}${more},"logprobs":null}]${extension}${this.#tail}`;
  }

  #done(): string {
    if (!this.#request.includeUsage || this.#usage === null) return SSE_DONE;
    const { created, model } = this.#context;
    const id = `chatcmpl-${this.#request.id}`;
    const usage = chatUsage(this.#usage);
    return sseData({ id, object: 'chat.completion.chunk', created, model, choices: [], usage }) + SSE_DONE;
  }

  /** `functions` know one call an answer and no id. */
  #legacyCall(choice: number, call: Record<string, unknown>): string {
    return this.#chunk(choice, `{"function_call":${JSON.stringify(call)}}`);
  }

  #call(choice: number, call: Record<string, unknown>): string {
    return this.#chunk(choice, `{"tool_calls":[${JSON.stringify(call)}]}`);
  }

  #chunk(choice: number, delta: string, more = ',"logprobs":null'): string {
    return `${this.#head}${choice},"delta":${delta}${more},"finish_reason":null}]${this.#tail}`;
  }
}
