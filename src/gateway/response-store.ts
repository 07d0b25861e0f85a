/** Kept answers of `/v1/responses`, in memory, least recently used dropped. */
import type { KeptResponse } from '../dialects/types.js';
import { LIMITS } from '../limits.js';

interface Entry {
  kept: KeptResponse;
  bytes: number;
}

export interface ResponseStoreOptions {
  countMax?: number;
  bytesMax?: number;
}

/** Bounded in number and bytes. One answer larger than the whole bound is not kept. */
export class ResponseStore {
  readonly #entries = new Map<string, Entry>();
  readonly #countMax: number;
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(options: ResponseStoreOptions = {}) {
    this.#countMax = options.countMax ?? LIMITS.keptResponses;
    this.#bytesMax = options.bytesMax ?? LIMITS.keptResponseBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get size(): number {
    return this.#entries.size;
  }

  put(kept: KeptResponse): void {
    const bytes = JSON.stringify(kept).length;
    if (bytes > this.#bytesMax) return;
    this.delete(kept.id);
    this.#entries.set(kept.id, { kept, bytes });
    this.#bytes += bytes;
    for (const id of this.#entries.keys()) {
      if (this.#bytes <= this.#bytesMax && this.#entries.size <= this.#countMax) break;
      this.delete(id);
    }
  }

  get(id: string): KeptResponse | undefined {
    const entry = this.#entries.get(id);
    if (entry === undefined) return undefined;
    this.#entries.delete(id);
    this.#entries.set(id, entry);
    return entry.kept;
  }

  delete(id: string): boolean {
    const entry = this.#entries.get(id);
    if (entry === undefined) return false;
    this.#bytes -= entry.bytes;
    return this.#entries.delete(id);
  }
}
