/** Chance that can be had again: every choice of a run comes from its seed, which is printed. */

export class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** In [0, 1); mulberry32. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number in [least, most]. */
  whole(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1));
  }

  of<T>(list: readonly T[]): T {
    return list[this.whole(0, list.length - 1)] as T;
  }

  isOdd(share: number): boolean {
    return this.next() < share;
  }
}

const given = process.env['DYNAMO_CHAOS_SEED'];

export const SEED = given === undefined ? Math.floor(Math.random() * 2 ** 32) : Number(given);

/** Minutes of the whole suite; its parts take shares of it. */
export const MINUTES = Number(process.env['DYNAMO_CHAOS_MINUTES'] ?? 3);

/** Each part has chance of its own, so that one can be run alone. */
export function chanceOf(part: string): Chance {
  console.log(`chaos: ${part} with DYNAMO_CHAOS_SEED=${SEED}`);
  let mixed = SEED;
  for (const char of part) mixed = Math.imul(mixed ^ char.charCodeAt(0), 0x01000193);
  return new Chance(mixed);
}
