/** One choice of an answer: tokens in, text, calls and a finish out. Knows nothing of the wire. */
import { randomBytes } from 'node:crypto';
import type { EngineCore, TokenLogprobs } from '../types.js';
import { CallReader } from './call-reader.js';
import type { CompletionRequest } from './completion-request.js';
import { StopStrings } from './stop-strings.js';
import { Utf8Text } from './utf8-text.js';
import { mayBeCalls, writtenCalls } from './written-calls.js';

export type ChoiceEvent =
  /** `tokenIds` and `logprobs` are of the tokens since the last text; the text may be empty. */
  | { kind: 'text'; text: string; tokenIds: number[]; logprobs: TokenLogprobs[] }
  | { kind: 'call'; call: number; id: string; name: string; tokenIds?: number[] }
  | { kind: 'arguments'; call: number; text: string; tokenIds?: number[] };

export interface ChoiceFinish {
  reason: 'stop' | 'length' | 'tool_calls';
  /** The stop string that ended it. */
  stop: string | null;
}

export class Choice {
  readonly #request: CompletionRequest;
  readonly #core: EngineCore;
  readonly #utf8 = new Utf8Text();
  readonly #stops: StopStrings;
  readonly #reader = new CallReader();
  #stop: string | null = null;
  #isNamedTold = false;
  #tokenIds: number[] = [];
  #logprobs: TokenLogprobs[] = [];
  /** Text held back because it may turn out to be calls; null once it cannot, or where it never could. */
  #held: string | null;

  constructor(core: EngineCore, request: CompletionRequest) {
    this.#core = core;
    this.#request = request;
    // A stop string inside forced arguments would cut them into invalid JSON.
    this.#stops = new StopStrings(request.tools.kind === 'forced' ? [] : request.stops, request.includeStop);
    this.#held = request.tools.kind === 'auto' ? '' : null;
  }

  /** True once a stop string was found: the generation may end, further tokens are ignored. */
  get isStopped(): boolean {
    return this.#stop !== null;
  }

  token(token: number, logprobs: TokenLogprobs | undefined): ChoiceEvent[] {
    if (this.isStopped) return [];
    this.#tokenIds.push(token);
    if (logprobs !== undefined) this.#logprobs.push(logprobs);
    const { text, stop } = this.#stops.push(this.#utf8.push(this.#core.piece(token, { special: false })));
    this.#stop = stop;
    return this.#shown(text);
  }

  /** What was said by another worker, in as few events as it has parts. */
  replay(tokens: Uint32Array): ChoiceEvent[] {
    const events: ChoiceEvent[] = [];
    for (const token of tokens) for (const event of this.token(token, undefined)) addTo(events, event);
    return events;
  }

  /** What was held back, and how the choice ends. Called once, after the last token. */
  end(reason: 'stop' | 'length'): { events: ChoiceEvent[]; finish: ChoiceFinish } {
    const events = this.isStopped ? [] : this.#shown(this.#stops.flush());
    const calls = this.#endHeld(events);
    const owesTokens = this.#request.streamsTokenIds || this.#request.logprobs !== null;
    if (owesTokens && this.#tokenIds.length > 0) events.push(this.#piece(''));
    return { events, finish: { reason: this.#reason(reason, calls), stop: this.#stop } };
  }

  /** Tells held text as what it turned out to be; the number of calls. */
  #endHeld(events: ChoiceEvent[]): number {
    const { tools } = this.#request;
    const text = this.#held ?? '';
    this.#held = null;
    if (tools.kind !== 'auto' || text === '') return 0;
    const written = writtenCalls(text, tools.names);
    const calls = tools.isParallel ? written : written.slice(0, 1);
    if (calls.length === 0) events.push(this.#piece(text));
    for (const [call, { name, arguments: args }] of calls.entries()) {
      events.push(newCall(call, name), { kind: 'arguments', call, text: args });
    }
    return calls.length;
  }

  /** As vLLM: a call the client named ends with `stop`, one that was merely required with `tool_calls`. */
  #reason(reason: 'stop' | 'length', calls: number): ChoiceFinish['reason'] {
    const { tools } = this.#request;
    if (calls > 0) return 'tool_calls';
    const isWholeCall = tools.kind === 'forced' && tools.named === null && reason === 'stop';
    return isWholeCall ? 'tool_calls' : this.isStopped ? 'stop' : reason;
  }

  #shown(text: string): ChoiceEvent[] {
    const { tools } = this.#request;
    if (text === '') return [];
    if (tools.kind === 'forced')
      return this.#withTokens(
        tools.named === null ? this.#anyCall(text) : this.#namedCall(tools.named, text),
      );
    if (this.#held === null) return [this.#piece(text)];
    this.#held += text;
    if (mayBeCalls(this.#held)) return [];
    const all = this.#held;
    this.#held = null;
    return [this.#piece(all)];
  }

  /** With the last of a token's events: whoever has that has all of them. */
  #withTokens(events: ChoiceEvent[]): ChoiceEvent[] {
    const last = events.at(-1);
    if (last === undefined || last.kind === 'text' || !this.#request.streamsTokenIds) return events;
    last.tokenIds = this.#tokenIds;
    this.#tokenIds = [];
    return events;
  }

  #anyCall(text: string): ChoiceEvent[] {
    return this.#reader
      .push(text)
      .map((piece) => (piece.kind === 'start' ? newCall(0, piece.name) : { ...piece, call: 0 }));
  }

  #namedCall(name: string, text: string): ChoiceEvent[] {
    const start = this.#isNamedTold ? [] : [newCall(0, name)];
    this.#isNamedTold = true;
    return [...start, { kind: 'arguments', call: 0, text }];
  }

  #piece(text: string): ChoiceEvent {
    const event: ChoiceEvent = { kind: 'text', text, tokenIds: this.#tokenIds, logprobs: this.#logprobs };
    this.#tokenIds = [];
    this.#logprobs = [];
    return event;
  }
}

function addTo(events: ChoiceEvent[], event: ChoiceEvent): void {
  const last = events.at(-1);
  if (last?.kind === 'text' && event.kind === 'text') {
    last.text += event.text;
    last.tokenIds.push(...event.tokenIds);
  } else if (last?.kind === 'arguments' && event.kind === 'arguments' && last.call === event.call) {
    last.text += event.text;
    if (event.tokenIds !== undefined) last.tokenIds = [...(last.tokenIds ?? []), ...event.tokenIds];
  } else events.push(event);
}

function newCall(call: number, name: string): ChoiceEvent {
  return { kind: 'call', call, id: `chatcmpl-tool-${randomBytes(8).toString('hex')}`, name };
}
