/**
 * Stream events as Messages events, in the strict order clients check: one `message_start`; blocks one after
 * another, each with start, deltas and stop and an index of its own; one `message_delta`; one `message_stop`.
 */
import type { CommonRequest, StopReason, StreamEvent, Usage } from '../../request/types.js';
import { sseNamed } from '../sse.js';
import type { EncodeContext, StreamEncoder } from '../types.js';
import { encodeMessagesError } from './error.js';
import { thinkingSignature } from './signature.js';
import { messagesStopReason, messagesUsage, promptUsage } from './usage.js';
import { inputOf } from './whole.js';

interface Call {
  index: number;
  id: string;
  name: string;
  /** Arguments so far. */
  arguments: string;
}

type OpenBlock = { kind: 'text' } | { kind: 'thinking'; hidden: string } | { kind: 'tool_use'; call: Call };

const PING = 'event: ping\ndata: {"type":"ping"}\n\n';
/** The wire wants an object; arguments that begin otherwise are held back and given as one when complete. */
const OBJECT_START = /^\s*\{/;

export class MessagesStream implements StreamEncoder {
  readonly #request: CommonRequest;
  readonly #context: EncodeContext;
  #isStarted = false;
  #open: OpenBlock | null = null;
  /** Index of the open block, or of the next one. */
  #index = 0;
  /** Calls that began while another was still open: a closed block cannot be opened again. */
  #waiting: Call[] = [];
  #hasCall = false;
  #reason: StopReason = 'stop';
  #stopSequence: string | null = null;
  #usage: Usage | null = null;

  constructor(request: CommonRequest, context: EncodeContext) {
    this.#request = request;
    this.#context = context;
  }

  push(event: StreamEvent): string {
    if ('choice' in event && event.choice !== 0) return '';
    switch (event.type) {
      case 'start':
        return this.#start();
      case 'text':
        return event.text === '' ? '' : this.#delta('text', { type: 'text_delta', text: event.text });
      case 'thinking':
        return this.#thinking(event.text);
      case 'tool_start':
        return this.#toolStart({ index: event.index, id: event.id, name: event.name, arguments: '' });
      case 'tool_delta':
        return this.#toolDelta(event.index, event.arguments);
      case 'finish':
        this.#reason = event.reason;
        this.#stopSequence = event.stopSequence ?? null;
        return '';
      case 'usage':
        this.#usage = event.usage;
        return '';
      case 'done':
        return this.#done();
      case 'error':
        return sseNamed(encodeMessagesError(event.error, this.#request.id).body);
    }
  }

  ping(): string {
    return PING;
  }

  #start(): string {
    if (this.#isStarted) return '';
    this.#isStarted = true;
    const message = {
      id: `msg_${this.#request.id}`,
      type: 'message',
      role: 'assistant',
      model: this.#context.model,
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage: promptUsage(this.#context.promptTokens),
    };
    return sseNamed({ type: 'message_start', message });
  }

  /** A client that switched thinking off gets none, whatever the model does. */
  #thinking(text: string): string {
    if (this.#request.reasoning.enabled === false) return '';
    if (this.#request.dialectState['hidesThinking'] === true) {
      const head = this.#open?.kind === 'thinking' ? '' : this.#flushCalls() + this.#openBlock('thinking');
      if (this.#open?.kind === 'thinking') this.#open.hidden += text;
      return head;
    }
    return this.#delta('thinking', { type: 'thinking_delta', thinking: text });
  }

  #delta(kind: 'text' | 'thinking', delta: Record<string, unknown>): string {
    const head = this.#open?.kind === kind ? '' : this.#flushCalls() + this.#openBlock(kind);
    return head + sseNamed({ type: 'content_block_delta', index: this.#index, delta });
  }

  #openBlock(kind: 'text' | 'thinking'): string {
    this.#open = kind === 'text' ? { kind } : { kind, hidden: '' };
    const block =
      kind === 'text' ? { type: 'text', text: '' } : { type: 'thinking', thinking: '', signature: '' };
    return sseNamed({ type: 'content_block_start', index: this.#index, content_block: block });
  }

  #toolStart(call: Call): string {
    this.#hasCall = true;
    const isBusy = this.#open?.kind === 'tool_use' && !isWholeJson(this.#open.call.arguments);
    if (isBusy || this.#waiting.length > 0) {
      this.#waiting.push(call);
      return '';
    }
    return this.#close() + this.#openCall(call);
  }

  #openCall(call: Call): string {
    this.#open = { kind: 'tool_use', call };
    const { id, name } = call;
    const block = { type: 'tool_use', id, name, input: {} };
    return (
      sseNamed({ type: 'content_block_start', index: this.#index, content_block: block }) +
      (OBJECT_START.test(call.arguments) ? this.#argumentDelta(call.arguments) : '')
    );
  }

  #toolDelta(index: number, text: string): string {
    if (this.#open?.kind === 'tool_use' && this.#open.call.index === index) {
      const { call } = this.#open;
      const isHeld = !OBJECT_START.test(call.arguments);
      call.arguments += text;
      if (!isHeld) return this.#argumentDelta(text);
      return OBJECT_START.test(call.arguments) ? this.#argumentDelta(call.arguments) : '';
    }
    const waiting = this.#waiting.find((call) => call.index === index);
    if (waiting !== undefined) waiting.arguments += text;
    return '';
  }

  #argumentDelta(text: string): string {
    const delta = { type: 'input_json_delta', partial_json: text };
    return sseNamed({ type: 'content_block_delta', index: this.#index, delta });
  }

  /** Closes what is open and gives each waiting call its block. */
  #flushCalls(): string {
    let out = this.#close();
    for (const call of this.#waiting) out += this.#openCall(call) + this.#close();
    this.#waiting = [];
    return out;
  }

  #close(): string {
    if (this.#open === null) return '';
    const index = this.#index;
    const last = this.#lastDelta(this.#open);
    this.#open = null;
    this.#index += 1;
    return last + sseNamed({ type: 'content_block_stop', index });
  }

  /** What a block still owes: its signature, or arguments that were held back. */
  #lastDelta(open: OpenBlock): string {
    if (open.kind === 'thinking') {
      const signature = thinkingSignature(this.#request.id, this.#index, open.hidden);
      const delta = { type: 'signature_delta', signature };
      return sseNamed({ type: 'content_block_delta', index: this.#index, delta });
    }
    if (open.kind !== 'tool_use' || OBJECT_START.test(open.call.arguments)) return '';
    return this.#argumentDelta(JSON.stringify(inputOf(open.call.arguments.trim())));
  }

  #done(): string {
    const head = this.#start() + this.#flushCalls();
    const reason = this.#reason === 'stop' && this.#hasCall ? 'tool_use' : this.#reason;
    const { nvext, promptTokens } = this.#context;
    const delta = { stop_reason: messagesStopReason(reason), stop_sequence: this.#stopSequence };
    const usage = this.#usage === null ? promptUsage(promptTokens) : messagesUsage(this.#usage);
    const extension = nvext === undefined ? {} : { nvext: nvext() };
    return (
      head +
      sseNamed({ type: 'message_delta', delta, usage, ...extension }) +
      sseNamed({ type: 'message_stop' })
    );
  }
}

function isWholeJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
