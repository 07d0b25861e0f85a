/** How often something may repeat, within what the library can bear. */
import { LIMITS } from '../../../limits.js';
import { repetition } from './gbnf-text.js';

/** Repetitions of a whole grammar. Past the budget an upper bound becomes none and a lower one what is left. */
export class RepeatBudget {
  #left: number = LIMITS.grammarRepeats;

  /** Quantifier for the bounds of a schema; what is no whole number counts as absent. */
  of(min: unknown, max: unknown): string {
    const upper = wholeNumber(max);
    const lower = Math.min(wholeNumber(min) ?? 0, upper ?? Number.POSITIVE_INFINITY);
    const isHeld = upper !== undefined && upper <= Math.min(LIMITS.grammarRepeat, this.#left);
    const least = Math.min(lower, LIMITS.grammarRepeat, this.#left);
    this.#left -= isHeld ? upper : least;
    return repetition(least, isHeld ? upper : undefined);
  }
}

/** `minItems` and `maxItems`, where they can both hold. */
export function arrayBounds(schema: Record<string, unknown>): { min: number; max: number | undefined } {
  const max = wholeNumber(schema['maxItems']);
  return { min: Math.min(wholeNumber(schema['minItems']) ?? 0, max ?? Number.POSITIVE_INFINITY), max };
}

/** Items by position, and the schema of those after them: `prefixItems`/`items`, or the old `items`/`additionalItems`. */
export function tupleOf(schema: Record<string, unknown>): { items: unknown[]; rest: unknown } {
  if (Array.isArray(schema['prefixItems'])) return { items: schema['prefixItems'], rest: schema['items'] };
  if (Array.isArray(schema['items'])) return { items: schema['items'], rest: schema['additionalItems'] };
  return { items: [], rest: schema['items'] };
}

function wholeNumber(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 ? value : undefined;
}
