/** One choice of an answer: tokens in, text, calls and a finish out. Knows nothing of the wire. */
import { randomBytes } from 'node:crypto';
import type { EngineCore, TokenLogprobs } from '../types.js';
import { CallReader } from './call-reader.js';
import type { CompletionRequest } from './completion-request.js';
import { StopStrings } from './stop-strings.js';
import { callIn } from './tool-mode.js';

export type ChoiceEvent =
  | { kind: 'text'; text: string; tokenIds: number[]; logprobs: TokenLogprobs[] }
  | { kind: 'call'; id: string; name: string }
  | { kind: 'arguments'; text: string };

export interface ChoiceFinish {
  reason: 'stop' | 'length' | 'tool_calls';
  stop: string | null;
}

export class Choice {
  readonly #request: CompletionRequest;
  readonly #core: EngineCore;
  readonly #decoder = new TextDecoder();
  readonly #stops: StopStrings;
  readonly #reader: CallReader | null;
  #stop: string | null = null;
  #named = false;
  #tokenIds: number[] = [];
  #logprobs: TokenLogprobs[] = [];
  /** Whole text of `auto` with tools, which may turn out to be a call. */
  #text = '';

  constructor(core: EngineCore, request: CompletionRequest) {
    this.#core = core;
    this.#request = request;
    const isForced = request.tools.kind === 'forced';
    this.#stops = new StopStrings(isForced ? [] : request.stops, request.includeStop);
    this.#reader = request.tools.kind === 'forced' && request.tools.named === null ? new CallReader() : null;
  }

  /** True once a stop string was found: the generation may end. */
  get isStopped(): boolean {
    return this.#stop !== null;
  }

  token(token: number, logprobs: TokenLogprobs | undefined): ChoiceEvent[] {
    if (this.isStopped) return [];
    this.#tokenIds.push(token);
    if (logprobs !== undefined) this.#logprobs.push(logprobs);
    return this.#emit(this.#decoder.decode(this.#core.piece(token, { special: false }), { stream: true }));
  }

  /** What was held back, and how the choice ends. */
  end(reason: 'stop' | 'length'): { events: ChoiceEvent[]; finish: ChoiceFinish } {
    const { tools } = this.#request;
    const tail = this.isStopped ? '' : this.#decoder.decode() + this.#stops.flush();
    const events = tail === '' ? [] : this.#shown(tail);
    const call = tools.kind === 'auto' ? callIn(this.#text, tools.names) : null;
    if (tools.kind === 'auto' && this.#holds) {
      if (call !== null)
        return {
          events: [newCall(call.name), { kind: 'arguments', text: call.arguments }],
          finish: { reason: 'tool_calls', stop: null },
        };
      events.push(this.#piece(this.#text));
    }
    // As vLLM: a call the client named ends with `stop`, one that was merely required with `tool_calls`.
    const isCall = tools.kind === 'forced' && tools.named === null && reason === 'stop';
    return {
      events,
      finish: { reason: this.isStopped ? 'stop' : isCall ? 'tool_calls' : reason, stop: this.#stop },
    };
  }

  #emit(text: string): ChoiceEvent[] {
    if (text === '') return [];
    const { text: safe, stop } = this.#stops.push(text);
    this.#stop = stop;
    return safe === '' ? [] : this.#shown(safe);
  }

  #shown(text: string): ChoiceEvent[] {
    const { tools } = this.#request;
    if (tools.kind === 'forced')
      return tools.named === null ? this.#called(text) : this.#namedCall(tools.named, text);
    if (tools.kind !== 'auto') return [this.#piece(text)];
    const held = this.#holds;
    this.#text += text;
    if (this.#holds) return [];
    return [this.#piece(held ? this.#text : text)];
  }

  /** Text that begins like a call is held back until its end says whether it is one. */
  get #holds(): boolean {
    const start = this.#text.trimStart();
    return start === '' || start.startsWith('{') || '<tool_call>'.startsWith(start.slice(0, 11));
  }

  #called(text: string): ChoiceEvent[] {
    return (this.#reader?.push(text) ?? []).map((piece) =>
      piece.kind === 'start' ? newCall(piece.name) : piece,
    );
  }

  #namedCall(name: string, text: string): ChoiceEvent[] {
    if (this.#named) return [{ kind: 'arguments', text }];
    this.#named = true;
    return [newCall(name), { kind: 'arguments', text: text.trimStart() }];
  }

  #piece(text: string): ChoiceEvent {
    const event: ChoiceEvent = { kind: 'text', text, tokenIds: this.#tokenIds, logprobs: this.#logprobs };
    this.#tokenIds = [];
    this.#logprobs = [];
    return event;
  }
}

function newCall(name: string): ChoiceEvent {
  return { kind: 'call', id: `chatcmpl-tool-${randomBytes(8).toString('hex')}`, name };
}
