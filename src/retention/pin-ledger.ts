/** How much each API key has been promised to be kept, so that none can take the cache for itself. */

export interface Pin {
  /** Whose. */
  key: string;
  /** Conversation, or request: its next promise takes the place of the last. */
  owner: string;
  tokens: number;
  /** Milliseconds of the caller's clock. */
  until: number;
}

/** Bounded by what can be promised: a pin that is over is forgotten when its key asks again. */
export class PinLedger {
  readonly #pins = new Map<string, Map<string, Pin>>();

  /** Enters the pin if the key has, with it, at most `tokensMax`; false = nothing more is promised to this key now. */
  enter(pin: Pin, tokensMax: number, now: number): boolean {
    const own = this.#pins.get(pin.key) ?? new Map<string, Pin>();
    this.#pins.set(pin.key, own);
    let held = 0;
    for (const [owner, { until, tokens }] of own) {
      if (until <= now) own.delete(owner);
      else if (owner !== pin.owner) held += tokens;
    }
    if (held + pin.tokens > tokensMax) return false;
    own.set(pin.owner, pin);
    return true;
  }

  /** Tokens promised to a key now. */
  held(key: string, now: number): number {
    let sum = 0;
    for (const { until, tokens } of this.#pins.get(key)?.values() ?? []) if (until > now) sum += tokens;
    return sum;
  }
}
