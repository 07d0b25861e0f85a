/** What was computed ahead, as the snapshot shows it. */
import type { TelemetryEvent, WarmSnapshot } from './types.js';

export class WarmTable {
  readonly #causes: WarmSnapshot['causes'] = {};
  readonly #promises = { kept: 0, broken: 0 };
  #promptTokens = 0;
  #computedTokens = 0;

  apply({
    cause,
    outcome,
    promptTokens,
    cachedTokens,
  }: Extract<TelemetryEvent, { type: 'warm.ended' }>): void {
    const outcomes = this.#causes[cause] ?? {};
    this.#causes[cause] = outcomes;
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    this.#promptTokens += promptTokens;
    this.#computedTokens += promptTokens - cachedTokens;
  }

  promise({ isKept }: Extract<TelemetryEvent, { type: 'warm.promise' }>): void {
    this.#promises[isKept ? 'kept' : 'broken'] += 1;
  }

  /** `served` = prompt tokens computed for requests. */
  snapshot(served: number): WarmSnapshot {
    const all = served + this.#computedTokens;
    return {
      causes: structuredClone(this.#causes),
      promptTokens: this.#promptTokens,
      computedTokens: this.#computedTokens,
      promises: { ...this.#promises },
      share: all === 0 ? null : this.#computedTokens / all,
    };
  }
}
