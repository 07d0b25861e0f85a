/** Tool-call deltas of one choice as `tool_start` and `tool_delta` events. */
import type { StreamEvent } from '../request/types.js';

interface Call {
  id: string;
  isStarted: boolean;
  hasArguments: boolean;
  /** Arguments that came before the name. */
  pending: string;
}

/**
 * Engines differ: the whole call in one piece, the id repeated in every delta, no `index`, or every parallel
 * call under index 0. A new id together with a new name opens a call; anything else continues one.
 */
export class ToolCalls {
  readonly #choice: number;
  readonly #engineId: string;
  readonly #calls: Call[] = [];
  /** Engine index → our index, which differ once an engine repeats an index. */
  readonly #byEngineIndex = new Map<number, number>();

  constructor(choice: number, engineId: string) {
    this.#choice = choice;
    this.#engineId = engineId;
  }

  get count(): number {
    return this.#calls.length;
  }

  /** Calls whose name never came: nobody could run them. */
  get nameless(): number {
    return this.#calls.filter((call) => !call.isStarted).length;
  }

  /** The choice ended: a call without a single argument gets `{}`, because clients parse what they were given. */
  finish(out: StreamEvent[]): void {
    this.#calls.forEach((call, index) => {
      if (call.isStarted && !call.hasArguments) this.#delta(index, '{}', out);
    });
  }

  push(delta: Record<string, unknown>, out: StreamEvent[]): void {
    const fn = (typeof delta['function'] === 'object' && delta['function']) || {};
    const { name, arguments: args } = fn as Record<string, unknown>;
    const id = typeof delta['id'] === 'string' ? delta['id'] : '';
    const hasName = typeof name === 'string' && name !== '';
    const index = this.#locate(delta['index'], id, hasName);
    const call = this.#calls[index] as Call;
    if (call.id === '' && id !== '') call.id = id;
    const text = argumentText(args);
    if (text.trim() !== '') call.hasArguments = true;
    if (!call.isStarted && !hasName) {
      call.pending += text;
      return;
    }
    if (!call.isStarted) this.#start(call, index, name as string, out);
    this.#delta(index, text, out);
  }

  #locate(engineIndex: unknown, id: string, hasName: boolean): number {
    const last = this.#calls.length - 1;
    const isNumbered = typeof engineIndex === 'number';
    const known = isNumbered ? this.#byEngineIndex.get(engineIndex) : last >= 0 ? last : undefined;
    const call = known === undefined ? undefined : this.#calls[known];
    const isAnother = call !== undefined && hasName && call.isStarted && id !== '' && id !== call.id;
    if (known !== undefined && !isAnother) return known;
    this.#calls.push({ id, isStarted: false, hasArguments: false, pending: '' });
    if (isNumbered) this.#byEngineIndex.set(engineIndex, last + 1);
    return last + 1;
  }

  #start(call: Call, index: number, name: string, out: StreamEvent[]): void {
    call.isStarted = true;
    if (call.id === '') call.id = `call_${this.#engineId}_${this.#choice}_${index}`;
    out.push({ type: 'tool_start', choice: this.#choice, index, id: call.id, name });
    this.#delta(index, call.pending, out);
    call.pending = '';
  }

  #delta(index: number, text: string, out: StreamEvent[]): void {
    if (text !== '') out.push({ type: 'tool_delta', choice: this.#choice, index, arguments: text });
  }
}

function argumentText(args: unknown): string {
  if (typeof args === 'string') return args;
  return args === undefined || args === null ? '' : JSON.stringify(args);
}
