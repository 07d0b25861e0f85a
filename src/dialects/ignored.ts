/** Fields that are accepted and do nothing here, told so that nobody wonders. */
import type { Fields } from './fields.js';
import type { DecodeContext } from './types.js';

/** Warns of each field of `reasons` that is set; `false`, `null` and empty lists ask for nothing. */
export function warnIgnored(
  body: Fields,
  reasons: Readonly<Record<string, string>>,
  context: DecodeContext,
): void {
  for (const [name, reason] of Object.entries(reasons)) {
    const value = body[name];
    const isUnset = value === undefined || value === null || value === false;
    if (isUnset || (Array.isArray(value) && value.length === 0)) continue;
    context.warn('field_ignored', `${name} has no effect: ${reason}`);
  }
}
