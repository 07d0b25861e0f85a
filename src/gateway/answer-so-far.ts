/**
 * What a client was told of an answer, so that another worker's telling of the same answer can be taken up where it broke
 * off. Every attempt says the answer from its beginning; what is known already is compared, by a hash, and left out.
 */
import { DynamoError } from '../errors.js';
import type { StopReason, StreamEvent } from '../request/types.js';

/** Text of one kind: UTF-16 units told to the client and said in this attempt, and a hash of either. */
interface Channel {
  told: number;
  toldHash: number;
  said: number;
  saidHash: number;
}

interface Call {
  name: string;
  arguments: Channel;
  /** Its start was said in this attempt. */
  isSaid: boolean;
}

/** Of an answer with one choice. */
export class AnswerSoFar {
  readonly #text = newChannel();
  readonly #thinking = newChannel();
  readonly #calls: Call[] = [];
  /** Ids of the attempt that came furthest, and of the one that runs. */
  #known: number[] = [];
  #heard: number[] = [];
  /** Ids told to the client, and passed by in this attempt. */
  #idsTold = 0;
  #idsSaid = 0;
  #isStarted = false;
  #finish: StopReason | null = null;

  /** Ids of the answer's tokens as far as an engine told them; whatever the client has beyond them is not in them yet. */
  get tokens(): readonly number[] {
    return this.#heard.length > this.#known.length ? this.#heard : this.#known;
  }

  /** How the answer ends, once the client was told; only figures may be missing then. */
  get finish(): StopReason | null {
    return this.#finish;
  }

  /** Another attempt begins to say the answer. */
  sayAgain(): void {
    this.#known = [...this.tokens];
    this.#heard = [];
    this.#idsSaid = 0;
    for (const channel of this.#channels()) {
      channel.said = 0;
      channel.saidHash = HASH_SEED;
    }
    for (const call of this.#calls) call.isSaid = false;
  }

  /** An event as the engine sent it, before anything reads raw output. */
  heard(event: StreamEvent): void {
    if ('tokenIds' in event && event.tokenIds !== undefined) this.#heard.push(...event.tokenIds);
  }

  /**
   * The part of an event the client has not got; null when it has all of it. Throws `engine_error` where the answer is not
   * the one it was told.
   */
  rest(event: StreamEvent): StreamEvent | null {
    switch (event.type) {
      case 'start':
        return this.#first(event);
      case 'text':
        return this.#restOfText(event);
      case 'thinking':
        return withText(event, passes(this.#thinking, event.text));
      case 'tool_start':
        return this.#restOfStart(event);
      case 'tool_delta':
        return this.#restOfArguments(event);
      case 'finish':
        return this.#end(event);
      default:
        return event;
    }
  }

  #first(event: StreamEvent): StreamEvent | null {
    if (this.#isStarted) return null;
    this.#isStarted = true;
    return event;
  }

  #restOfText(event: Extract<StreamEvent, { type: 'text' }>): StreamEvent | null {
    const ids = event.tokenIds?.length ?? 0;
    const known = Math.min(ids, this.#idsTold - this.#idsSaid);
    this.#idsSaid += ids;
    this.#idsTold = Math.max(this.#idsTold, this.#idsSaid);
    const passed = passes(this.#text, event.text);
    if (known === 0) return withText(event, passed);
    const text = event.text.slice(passed);
    if (text === '' && known === ids) return null;
    return { ...event, text, tokenIds: event.tokenIds?.slice(known) ?? [] };
  }

  #restOfStart(event: Extract<StreamEvent, { type: 'tool_start' }>): StreamEvent | null {
    const call = this.#calls[event.index];
    if (call === undefined) {
      this.#calls[event.index] = { name: event.name, arguments: newChannel(), isSaid: true };
      return event;
    }
    if (call.name !== event.name) throw unlike();
    call.isSaid = true;
    return null;
  }

  #restOfArguments(event: Extract<StreamEvent, { type: 'tool_delta' }>): StreamEvent | null {
    const channel = this.#calls[event.index]?.arguments;
    const passed = channel === undefined ? 0 : passes(channel, event.arguments);
    if (passed === 0) return event;
    return passed === event.arguments.length ? null : { ...event, arguments: event.arguments.slice(passed) };
  }

  /** An answer that ends before it has said all the client was told is another one. */
  #end(event: Extract<StreamEvent, { type: 'finish' }>): StreamEvent | null {
    for (const { said, told } of this.#channels()) if (said < told) throw unlike();
    if (this.#calls.some(({ isSaid }) => !isSaid)) throw unlike();
    if (this.#finish !== null) return null;
    this.#finish = event.reason;
    return event;
  }

  #channels(): Channel[] {
    return [this.#text, this.#thinking, ...this.#calls.map((call) => call.arguments)];
  }
}

const HASH_SEED = 0x811c9dc5;

function withText<E extends StreamEvent & { text: string }>(event: E, passed: number): E | null {
  if (passed === 0) return event;
  return passed === event.text.length ? null : { ...event, text: event.text.slice(passed) };
}

const newChannel = (): Channel => ({ told: 0, toldHash: HASH_SEED, said: 0, saidHash: HASH_SEED });

/** Units at the beginning of a text that the client has already; the rest counts as told from now on. */
function passes(channel: Channel, text: string): number {
  const known = Math.min(text.length, channel.told - channel.said);
  if (known > 0) {
    channel.saidHash = hashed(channel.saidHash, text, 0, known);
    channel.said += known;
    if (channel.said === channel.told && channel.saidHash !== channel.toldHash) throw unlike();
    if (known === text.length) return known;
  }
  channel.toldHash = hashed(channel.toldHash, text, known, text.length);
  channel.told += text.length - known;
  channel.said = channel.told;
  channel.saidHash = channel.toldHash;
  return known;
}

/** FNV-1a over UTF-16 units. */
function hashed(seed: number, text: string, from: number, to: number): number {
  let hash = seed;
  for (let at = from; at < to; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash;
}

function unlike(): DynamoError {
  const detail = 'another worker gave the beginning of the answer in other words';
  return new DynamoError('engine_error', { worker: 'the stack', detail });
}
