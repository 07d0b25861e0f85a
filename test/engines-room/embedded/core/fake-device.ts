/**
 * A device whose "KV" is the list of tokens itself and whose next token is a pure function of that list: any
 * wrong reuse, copy, trim or position shows up as a wrong answer. Overlapping calls are an error, as on the real one.
 */
import { createHash } from 'node:crypto';
import { imageBytes, layOutImage, parseState } from '../../../../src/engines/embedded/core/state-layout.js';
import type { Device, Picker } from '../../../../src/engines/embedded/core/types.js';

export const VOCAB = 1_000;
export const END_TOKEN = 0;

export interface Call {
  op: 'decode' | 'copy';
  slot: number;
  rows: number;
  position: number;
  wantsToken: boolean;
}

export class FakeDevice implements Device {
  readonly calls: Call[] = [];
  readonly slots: number[][];
  openPickers = 0;
  failNextDecode = false;
  refuseCopies = false;
  /** Called while a decode is in flight. */
  duringDecode: () => void = () => {};
  #isBusy = false;
  #last: readonly number[] | null = null;

  constructor(slots: number) {
    this.slots = Array.from({ length: slots }, () => []);
  }

  async decode(slot: number, tokens: Uint32Array, position: number, wantsToken: boolean): Promise<void> {
    this.calls.push({ op: 'decode', slot, rows: tokens.length, position, wantsToken });
    await this.#alone(this.duringDecode);
    const held = this.slots[slot]!;
    if (position !== held.length) throw new Error(`position ${position} after ${held.length} tokens`);
    held.push(...tokens);
    if (this.failNextDecode) {
      this.failNextDecode = false;
      throw new Error('the device failed');
    }
    this.#last = wantsToken ? [...held] : null;
  }

  trim(slot: number, position: number): boolean {
    this.#requireIdle();
    this.slots[slot]!.splice(position);
    return true;
  }

  async copy(from: number, to: number): Promise<boolean> {
    this.calls.push({ op: 'copy', slot: to, rows: 0, position: from, wantsToken: false });
    await this.#alone();
    this.slots[to] = this.refuseCopies ? [] : [...this.slots[from]!];
    return !this.refuseCopies;
  }

  /** The tokens themselves: one part of four bytes per token. */
  async readState(slot: number): Promise<Uint8Array> {
    await this.#alone();
    return stateOf(this.slots[slot]!);
  }

  async writeState(slot: number, state: Uint8Array): Promise<boolean> {
    await this.#alone();
    const { offsets, cells } = parseState(state);
    const rows = new DataView(state.buffer, state.byteOffset + offsets[0]!, cells * 4);
    this.slots[slot] = Array.from({ length: cells }, (_, at) => rows.getUint32(at * 4, true));
    return true;
  }

  picker(): Picker {
    this.openPickers++;
    let isFreed = false;
    return {
      pick: () => {
        if (isFreed || this.#last === null) throw new Error('nothing to pick from');
        return { token: nextToken(this.#last) };
      },
      take: () => {
        if (isFreed) throw new Error('nothing to take a token');
      },
      free: () => {
        if (!isFreed) this.openPickers--;
        isFreed = true;
      },
    };
  }

  isEndOfGeneration(token: number): boolean {
    return token === END_TOKEN;
  }

  free(): void {}

  async #alone(meanwhile: () => void = () => {}): Promise<void> {
    this.#requireIdle();
    this.#isBusy = true;
    meanwhile();
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    this.#isBusy = false;
  }

  #requireIdle(): void {
    if (this.#isBusy) throw new Error('two calls at once');
  }
}

/** Shape of the fake's states: one layer whose keys are the token ids and whose values are empty. */
export const FAKE_SHAPE = {
  streams: 2,
  layers: 1,
  parts: [
    { type: 0, rowBytes: 4 },
    { type: 0, rowBytes: 0 },
  ],
  tokenBytes: 4,
};

function stateOf(tokens: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(imageBytes(FAKE_SHAPE, tokens.length));
  const [rows] = layOutImage(FAKE_SHAPE, tokens.length, bytes);
  bytes.set(new Uint8Array(Uint32Array.from(tokens).buffer), rows);
  return bytes;
}

/** The "model": end of generation about every twelfth time. */
export function nextToken(context: readonly number[]): number {
  const digest = createHash('sha256').update(Uint32Array.from(context)).digest();
  return digest[0]! < 20 ? END_TOKEN : 1 + (digest.readUInt32LE(4) % (VOCAB - 1));
}

/** What a fresh engine would answer. */
export function answerTo(prompt: readonly number[], maxTokens: number): number[] {
  const context = [...prompt];
  const answer: number[] = [];
  while (answer.length < maxTokens) {
    const token = nextToken(context);
    if (token === END_TOKEN) break;
    answer.push(token);
    context.push(token);
  }
  return answer;
}
