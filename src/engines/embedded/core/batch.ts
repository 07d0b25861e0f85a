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

  /**
   * The batch with these rows of one sequence, filled up to `rows` with rows after them that change nothing before
   * them; logits for the last token when wanted. Valid until the next call.
   */
  of(
    sequence: number,
    tokens: Uint32Array,
    options: { position: number; rows: number; wantsLogits: boolean },
  ): BatchStruct {
    const { position, rows, wantsLogits } = options;
    if (rows > this.rowsMax) throw new Error(`${rows} rows do not fit into a batch`);
    this.#tokens.fill(0, 0, rows);
    this.#tokens.set(tokens);
    for (let row = 0; row < rows; row++) {
      this.#positions[row] = position + row;
      this.#sequences[row]![0] = sequence;
    }
    this.#wantsLogits.fill(0, 0, rows);
    this.#wantsLogits[tokens.length - 1] = wantsLogits ? 1 : 0;
    this.#struct.n_tokens = rows;
    return this.#struct;
  }

  free(): void {
    this.#api.freeBatch(this.#struct);
  }
}
