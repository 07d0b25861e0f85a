/** `kv_retention`: how long ranges of the prompt are worth keeping, from our own gateway. */
import { LIMITS } from '../../../limits.js';
import type { RetentionSpan } from '../types.js';
import { badRequest } from './api-error.js';
import { type Body, isObject } from './fields.js';

const DURATION_MS_MAX = 24 * 3_600_000;

/** Throws an ApiError for anything but a list of `{start, end, priority, durationMs}`. */
export function retentionField(body: Body): RetentionSpan[] | undefined {
  const value = body['kv_retention'] ?? undefined;
  if (value === undefined) return undefined;
  if (!Array.isArray(value) || value.length > LIMITS.retentionSpans) {
    throw badRequest(`kv_retention must be a list of at most ${LIMITS.retentionSpans} spans`, 'kv_retention');
  }
  return value.map(span);
}

function span(value: unknown): RetentionSpan {
  const { start, end, priority, durationMs } = isObject(value) ? value : {};
  const isIn = (number: unknown, max: number): number is number =>
    typeof number === 'number' && number >= 0 && number <= max;
  if (
    isIn(start, 2 ** 31) &&
    isIn(end, 2 ** 31) &&
    isIn(priority, 100) &&
    isIn(durationMs, DURATION_MS_MAX)
  ) {
    return { start, end, priority, durationMs };
  }
  throw badRequest(
    'a span of kv_retention has start, end, priority (0 to 100) and durationMs',
    'kv_retention',
  );
}
