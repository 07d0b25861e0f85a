/** What was computed ahead, as the snapshot shows it. */
import type { TelemetryEvent, WarmSnapshot } from './types.js';

export class WarmTable {
  readonly #causes: WarmSnapshot['causes'] = {};
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

  /** `served` = prompt tokens computed for requests. */
  snapshot(served: number): WarmSnapshot {
    const all = served + this.#computedTokens;
    return {
      causes: structuredClone(this.#causes),
      promptTokens: this.#promptTokens,
      computedTokens: this.#computedTokens,
      share: all === 0 ? null : this.#computedTokens / all,
    };
  }
}
