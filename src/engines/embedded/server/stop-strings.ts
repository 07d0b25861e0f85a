/** Ends text at a stop string, holding back what may still become one. */

export class StopStrings {
  readonly #stops: readonly string[];
  readonly #includes: boolean;
  #held = '';

  constructor(stops: readonly string[], includeStop: boolean) {
    this.#stops = stops.filter((stop) => stop !== '');
    this.#includes = includeStop;
  }

  /** Text that is safe to show, and the stop string once one is complete. */
  push(text: string): { text: string; stop: string | null } {
    if (this.#stops.length === 0) return { text, stop: null };
    const all = this.#held + text;
    const found = this.#first(all);
    if (found !== null) {
      this.#held = '';
      return {
        text: all.slice(0, this.#includes ? found.at + found.stop.length : found.at),
        stop: found.stop,
      };
    }
    const keep = this.#partial(all);
    this.#held = all.slice(all.length - keep);
    return { text: all.slice(0, all.length - keep), stop: null };
  }

  /** What was held back, at the end of the text. */
  flush(): string {
    const text = this.#held;
    this.#held = '';
    return text;
  }

  #first(text: string): { at: number; stop: string } | null {
    let best: { at: number; stop: string } | null = null;
    for (const stop of this.#stops) {
      const at = text.indexOf(stop);
      if (at !== -1 && (best === null || at < best.at)) best = { at, stop };
    }
    return best;
  }

  /** Length of the longest end of `text` that begins a stop string. */
  #partial(text: string): number {
    let longest = 0;
    for (const stop of this.#stops) {
      for (let length = Math.min(stop.length - 1, text.length); length > longest; length -= 1) {
        if (text.endsWith(stop.slice(0, length))) {
          longest = length;
          break;
        }
      }
    }
    return longest;
  }
}
