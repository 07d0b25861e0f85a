/** A native `llama_batch` filled through views: no marshalling per token. */
import koffi from 'koffi';
import type { BatchStruct, Llama } from './library.js';

export class Batch {
  readonly #api: Llama;
  readonly #struct: BatchStruct;
  readonly #tokens: Int32Array;
  readonly #positions: Int32Array;
  readonly #sequences: Int32Array[];
  readonly #wantsLogits: Int8Array;

  constructor(api: Llama, rowsMax: number) {
    this.#api = api;
    this.#struct = api.newBatch(rowsMax, 0, 1);
    const bytes = (pointer: bigint, size: number): ArrayBuffer => koffi.view(pointer, rowsMax * size);
    this.#tokens = new Int32Array(bytes(this.#struct.token, 4));
    this.#positions = new Int32Array(bytes(this.#struct.pos, 4));
    this.#wantsLogits = new Int8Array(bytes(this.#struct.logits, 1));
    new Int32Array(bytes(this.#struct.n_seq_id, 4)).fill(1);
    const rows = new BigUint64Array(bytes(this.#struct.seq_id, 8));
    this.#sequences = Array.from(rows, (row) => new Int32Array(koffi.view(row, 4)));
  }

  get rowsMax(): number {
    return this.#tokens.length;
  }

  /** The batch with these rows of one sequence; logits for the last one when wanted. Valid until the next call. */
  of(sequence: number, tokens: Uint32Array, position: number, wantsLogits: boolean): BatchStruct {
    if (tokens.length > this.rowsMax) throw new Error(`${tokens.length} rows do not fit into a batch`);
    this.#tokens.set(tokens);
    for (let row = 0; row < tokens.length; row++) {
      this.#positions[row] = position + row;
      this.#sequences[row]![0] = sequence;
    }
    this.#wantsLogits.fill(0, 0, tokens.length);
    this.#wantsLogits[tokens.length - 1] = wantsLogits ? 1 : 0;
    this.#struct.n_tokens = tokens.length;
    return this.#struct;
  }

  free(): void {
    this.#api.freeBatch(this.#struct);
  }
}
