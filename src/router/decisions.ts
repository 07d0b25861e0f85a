/** The last decisions, for `dynamo explain`. */
import { LIMITS } from '../limits.js';
import type { Decision } from './types.js';

export class DecisionRing {
  readonly #capacity: number;
  readonly #byRequest = new Map<string, Decision>();

  constructor(capacity: number = LIMITS.decisionsKept) {
    this.#capacity = capacity;
  }

  /** A second decision for a request (it was sent again) replaces the first. */
  add(decision: Decision): void {
    this.#byRequest.delete(decision.requestId);
    this.#byRequest.set(decision.requestId, decision);
    if (this.#byRequest.size <= this.#capacity) return;
    const [oldest] = this.#byRequest.keys();
    if (oldest !== undefined) this.#byRequest.delete(oldest);
  }

  get(requestId: string): Decision | undefined {
    return this.#byRequest.get(requestId);
  }
}
