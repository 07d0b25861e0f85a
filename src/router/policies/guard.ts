/** Asks a policy that may be anybody's: what it does wrong costs a decision of the default router, never a request. */
import { LIMITS } from '../../limits.js';
import type { Clock } from '../clock.js';
import type { Candidate, Choice, Outcome, Policy, PolicyFaults, RoutingRequest } from '../types.js';
import { kvPolicy } from './kv.js';

/** What was answered is no choice; the message is the end of a sentence. */
export class BadChoice extends Error {}

type Draw = { random: number; turn: number };

export interface GuardOptions {
  policy: Policy;
  /** Measures how long a decision takes; in a replay no time passes, so that no run depends on the machine. */
  clock: Clock;
  /** A decision or an outcome went wrong. */
  onFault(faults: PolicyFaults, message: string): void;
}

/**
 * A policy cannot be interrupted: it runs in the stack's own thread, because waking another for each decision costs more
 * than deciding. One that is too slow three times running is left alone for a minute, so that it cannot stall the streams.
 */
export class PolicyGuard {
  readonly #options: GuardOptions;
  readonly #faults: PolicyFaults = { count: 0, last: null };
  #slowInARow = 0;
  #restsUntil = Number.NEGATIVE_INFINITY;

  constructor(options: GuardOptions) {
    this.#options = options;
  }

  choose(
    request: RoutingRequest,
    candidates: readonly Candidate[],
    draw: Draw,
  ): Choice & { fault?: string | undefined } {
    const { policy, clock } = this.#options;
    const startedAt = clock.now();
    if (startedAt < this.#restsUntil)
      return this.#default(request, candidates, draw, 'is set aside: too slow');
    try {
      const choice = policy.select(request, candidates, draw);
      const tookMs = clock.now() - startedAt;
      if (tookMs > (policy.limitMs ?? Number.POSITIVE_INFINITY)) {
        return this.#default(request, candidates, draw, this.#slow(tookMs));
      }
      this.#slowInARow = 0;
      if (candidates.some(({ worker }) => worker === choice.worker)) return choice;
      return this.#default(request, candidates, draw, this.#fault(notACandidate(choice.worker)));
    } catch (error) {
      return this.#default(request, candidates, draw, this.#fault(messageOf(error)));
    }
  }

  outcome(outcome: Outcome): void {
    const { policy, clock } = this.#options;
    if (policy.onOutcome === undefined) return;
    const startedAt = clock.now();
    try {
      policy.onOutcome(outcome);
      const tookMs = clock.now() - startedAt;
      if (tookMs > (policy.limitMs ?? Number.POSITIVE_INFINITY)) {
        this.#fault(`took ${tookMs.toFixed(1)} ms over an outcome`);
      }
    } catch (error) {
      this.#fault(`failed on an outcome: ${messageOf(error)}`);
    }
  }

  #default(
    request: RoutingRequest,
    candidates: readonly Candidate[],
    draw: Draw,
    fault: string,
  ): Choice & { fault: string } {
    const choice = kvPolicy.select(request, candidates, draw);
    return { ...choice, reason: `${kvPolicy.name}, ${choice.reason}`, fault };
  }

  #slow(tookMs: number): string {
    const { clock } = this.#options;
    this.#slowInARow += 1;
    const fault = `took ${tookMs.toFixed(1)} ms, ${LIMITS.policyMs} are allowed`;
    if (this.#slowInARow < LIMITS.policySlowMax) return this.#fault(fault);
    this.#slowInARow = 0;
    this.#restsUntil = clock.now() + LIMITS.policyRestMs;
    return this.#fault(`${fault}; it is not asked for ${LIMITS.policyRestMs / 1_000} s`);
  }

  #fault(what: string): string {
    this.#faults.count += 1;
    this.#faults.last = what;
    this.#options.onFault({ ...this.#faults }, `router ${this.#options.policy.name} ${what}`);
    return what;
  }
}

export const notACandidate = (worker: string): string =>
  `chose \`${worker.slice(0, 100)}\`, which is no candidate`;

function messageOf(error: unknown): string {
  const text = error instanceof BadChoice ? error.message : `failed: ${String(error)}`;
  return text.slice(0, 500);
}
