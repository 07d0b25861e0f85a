/** The last batches published, by sequence number: a ring, so that keeping one costs the same whatever the age. */

export interface KeptBatch {
  sequence: number;
  payload: Uint8Array;
}

export class ReplayBuffer {
  readonly #ring: Uint8Array[] = [];
  readonly #capacity: number;
  #next = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Keeps a batch and returns its sequence number, counted from 0. */
  add(payload: Uint8Array): number {
    const sequence = this.#next;
    this.#ring[sequence % this.#capacity] = payload;
    this.#next += 1;
    return sequence;
  }

  /**
   * Batches from `first` on, or from the oldest kept one. May be read slowly: batches that are pushed out
   * meanwhile are skipped, those that come meanwhile are included.
   */
  *from(first: bigint): Generator<KeptBatch> {
    if (first >= BigInt(this.#next)) return;
    for (let sequence = Number(first); sequence < this.#next; sequence += 1) {
      sequence = Math.max(sequence, this.#next - this.#capacity);
      const payload = this.#ring[sequence % this.#capacity];
      if (payload !== undefined) yield { sequence, payload };
    }
  }
}
