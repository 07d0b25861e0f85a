/** Which of the 64 lanes are taken. */
import { LIMITS } from '../../limits.js';
import type { Lane } from './types.js';

export class Lanes {
  readonly #taken = new Uint8Array(LIMITS.workersMax);

  /** The lowest free lane; throws RangeError when there is none. */
  take(): Lane {
    const lane = this.#taken.indexOf(0);
    if (lane === -1) throw new RangeError(`the block index has ${this.#taken.length} lanes, all are taken`);
    this.#taken[lane] = 1;
    return lane;
  }

  free(lane: Lane): void {
    this.#taken[lane] = 0;
  }

  has(lane: Lane): boolean {
    return this.#taken[lane] === 1;
  }
}
