/** How fast bytes go to and come from each tier, from what tiers tell as sums since the start. */
import type { Tier } from '../router/types.js';
import { RollingSum } from './rolling.js';
import type { TierSnapshot } from './types.js';

const WINDOW_MS = 10_000;

export class TierRates {
  readonly #tiers = new Map<Tier, { read: Meter; written: Meter }>();

  apply(tiers: readonly TierSnapshot[], at: number): void {
    for (const { name, readBytes, writtenBytes } of tiers) {
      const tier = this.#tiers.get(name) ?? { read: new Meter(), written: new Meter() };
      this.#tiers.set(name, tier);
      tier.read.told(readBytes, at);
      tier.written.told(writtenBytes, at);
    }
  }

  /** Bytes a second over the last ten seconds. */
  of(name: Tier, now: number): { readBytes: number; writtenBytes: number } {
    const tier = this.#tiers.get(name);
    return { readBytes: tier?.read.rate(now) ?? 0, writtenBytes: tier?.written.rate(now) ?? 0 };
  }
}

class Meter {
  readonly #sum = new RollingSum(WINDOW_MS, 20);
  #before = 0;

  /** A sum that falls has begun anew. */
  told(sum: number, at: number): void {
    this.#sum.add(at, sum >= this.#before ? sum - this.#before : sum);
    this.#before = sum;
  }

  rate(now: number): number {
    return this.#sum.sum(now) / (WINDOW_MS / 1_000);
  }
}
