/** Whether a worker's memory is there just before it is started: the plan looked minutes or days ago. */
import os from 'node:os';

/**
 * Bytes a new process could have, as the plan counts them. Not `process.availableMemory`: in a container that counts the
 * page cache as taken.
 */
function availableMemory(): number {
  const limit = process.constrainedMemory?.() ?? 0;
  return limit > 0 ? Math.min(os.freemem(), limit) : os.freemem();
}

/**
 * Workers that start side by side have not taken their memory yet: what each will take is claimed until it serves or has
 * ended.
 */
export class MemoryClaims {
  readonly #available: () => number;
  readonly #claims = new Map<string, number>();

  constructor(available: () => number = availableMemory) {
    this.#available = available;
  }

  /** Null when it is there, else the bytes that are left for it. */
  claim(worker: string, bytes: number): number | null {
    const others = [...this.#claims].filter(([id]) => id !== worker);
    const left = this.#available() - others.reduce((sum, [, claimed]) => sum + claimed, 0);
    if (left < bytes) return Math.max(0, left);
    this.#claims.set(worker, bytes);
    return null;
  }

  release(worker: string): void {
    this.#claims.delete(worker);
  }
}
