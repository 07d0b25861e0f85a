/** Kept answers of `/v1/responses`, in memory, least recently used dropped. */
import type { KeptResponse } from '../dialects/types.js';
import { LIMITS } from '../limits.js';

/** Where kept answers are. An answer is its owner's alone: to anybody else it is not there. */
export interface ResponseKeeper {
  get(id: string, owner?: string): KeptResponse | undefined;
  put(kept: KeptResponse, owner?: string): void;
  delete(id: string, owner?: string): boolean;
  /** Resolves when everything is where it is to stay. */
  close(): Promise<void>;
}

interface Entry {
  kept: KeptResponse;
  owner: string;
  bytes: number;
}

export interface ResponseStoreOptions {
  countMax?: number;
  bytesMax?: number;
}

/** Bounded in number and bytes. One answer larger than the whole bound is not kept. */
export class ResponseStore implements ResponseKeeper {
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

  put(kept: KeptResponse, owner = ''): void {
    const bytes = weightOf(kept);
    if (bytes > this.#bytesMax) return;
    this.#drop(kept.id);
    this.#entries.set(kept.id, { kept, owner, bytes });
    this.#bytes += bytes;
    for (const id of this.#entries.keys()) {
      if (this.#bytes <= this.#bytesMax && this.#entries.size <= this.#countMax) break;
      this.#drop(id);
    }
  }

  get(id: string, owner = ''): KeptResponse | undefined {
    const entry = this.#owned(id, owner);
    if (entry === undefined) return undefined;
    this.#entries.delete(id);
    this.#entries.set(id, entry);
    return entry.kept;
  }

  delete(id: string, owner = ''): boolean {
    return this.#owned(id, owner) !== undefined && this.#drop(id);
  }

  async close(): Promise<void> {}

  #owned(id: string, owner: string): Entry | undefined {
    const entry = this.#entries.get(id);
    return entry?.owner === owner ? entry : undefined;
  }

  #drop(id: string): boolean {
    const entry = this.#entries.get(id);
    if (entry === undefined) return false;
    this.#bytes -= entry.bytes;
    return this.#entries.delete(id);
  }
}

/** Bytes of one value's own bookkeeping, about. */
const VALUE_BYTES = 16;

/** About the bytes a value holds. Its strings are not walked: a conversation has megabytes of them. */
function weightOf(value: unknown): number {
  let bytes = 0;
  const rest: unknown[] = [value];
  while (rest.length > 0) {
    const each = rest.pop();
    bytes += VALUE_BYTES;
    if (typeof each === 'string') bytes += each.length;
    else if (typeof each === 'object' && each !== null)
      for (const part of Object.values(each)) rest.push(part);
  }
  return bytes;
}
