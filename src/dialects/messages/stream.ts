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

type Waiting = { kind: 'tool_use'; call: Call } | { kind: 'text' | 'thinking'; text: string };

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
  /** What came while a call's arguments were still incomplete, in order: a closed block cannot be opened again. */
  #waiting: Waiting[] = [];
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
        return event.text === '' ? '' : this.#next({ kind: 'text', text: event.text });
      case 'thinking':
        // A client that switched thinking off gets none, whatever the model does.
        if (this.#request.reasoning.enabled === false) return '';
        return this.#next({ kind: 'thinking', text: event.text });
      case 'tool_start':
        return this.#toolStart(event);
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

  #toolStart({ index, id, name }: Extract<StreamEvent, { type: 'tool_start' }>): string {
    this.#hasCall = true;
    return this.#next({ kind: 'tool_use', call: { index, id, name, arguments: '' } });
  }

  #next(item: Waiting): string {
    this.#waiting.push(item);
    return this.#advance();
  }

  /** Gives what waits its place, up to a call whose arguments are not complete yet; at the end, all of it. */
  #advance(isEnd = false): string {
    let out = '';
    while (this.#waiting.length > 0 && (isEnd || !this.#isBusy())) {
      const item = this.#waiting.shift() as Waiting;
      out += item.kind === 'tool_use' ? this.#close() + this.#openCall(item.call) : this.#delta(item);
    }
    return out;
  }

  #isBusy(): boolean {
    return this.#open?.kind === 'tool_use' && !isWholeJson(this.#open.call.arguments);
  }

  #delta({ kind, text }: Exclude<Waiting, { kind: 'tool_use' }>): string {
    const head = this.#open?.kind === kind ? '' : this.#close() + this.#openBlock(kind);
    if (this.#open?.kind === 'thinking' && this.#request.dialectState['hidesThinking'] === true) {
      this.#open.hidden += text;
      return head;
    }
    const delta = kind === 'text' ? { type: 'text_delta', text } : { type: 'thinking_delta', thinking: text };
    return head + sseNamed({ type: 'content_block_delta', index: this.#index, delta });
  }

  #openBlock(kind: 'text' | 'thinking'): string {
    this.#open = kind === 'text' ? { kind } : { kind, hidden: '' };
    const block =
      kind === 'text' ? { type: 'text', text: '' } : { type: 'thinking', thinking: '', signature: '' };
    return sseNamed({ type: 'content_block_start', index: this.#index, content_block: block });
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
    const waiting = this.#waiting.find((item) => item.kind === 'tool_use' && item.call.index === index);
    if (waiting?.kind === 'tool_use') waiting.call.arguments += text;
    return '';
  }

  #argumentDelta(text: string): string {
    const delta = { type: 'input_json_delta', partial_json: text };
    return sseNamed({ type: 'content_block_delta', index: this.#index, delta });
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
    const head = this.#start() + this.#advance(true) + this.#close();
    const reason = this.#reason === 'stop' && this.#hasCall ? 'tool_use' : this.#reason;
    const { nvext, promptTokens } = this.#context;
    const delta = { stop_reason: messagesStopReason(reason), stop_sequence: this.#stopSequence };
    const usage =
      this.#usage === null ? promptUsage(promptTokens) : messagesUsage(this.#usage, this.#context);
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
