/** Reads fields of a trace; what is wrong is said with its place. */
import { DynamoError } from '../../errors.js';

/** Larger figures are a broken trace: no model has such a context. */
const TOKENS_MAX = 10_000_000;
const IDS_MAX = 1_000_000;
const MS_MAX = 10 ** 12;

export type Fields = Record<string, unknown>;

/** Where in which file. */
export interface Place {
  file: string;
  /** `line 12`, `requests[3]`. */
  at: string;
}

export function traceError({ file, at }: Place, problem: string): DynamoError {
  return new DynamoError('trace_invalid', { file, at, problem });
}

export function asFields(value: unknown, place: Place): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw traceError(place, 'is not an object');
}

export function tokens(fields: Fields, name: string, place: Place): number {
  return wholeNumber(fields[name], name, TOKENS_MAX, place);
}

/** Milliseconds, at least 0; null when the field is missing. */
export function milliseconds(fields: Fields, name: string, place: Place): number | null {
  const value = fields[name];
  if (value === undefined || value === null) return null;
  if (typeof value === 'number' && value >= 0 && value <= MS_MAX) return value;
  throw traceError(place, `\`${name}\` is not a number of milliseconds between 0 and ${MS_MAX}`);
}

export function ids(fields: Fields, name: string, place: Place): readonly (string | number)[] {
  const value = fields[name];
  if (!Array.isArray(value)) throw traceError(place, `\`${name}\` is not a list of block ids`);
  if (value.length > IDS_MAX) throw traceError(place, `\`${name}\` has more than ${IDS_MAX} ids`);
  for (const id of value) {
    if (typeof id !== 'string' && !Number.isSafeInteger(id)) {
      throw traceError(
        place,
        `\`${name}\` holds ${JSON.stringify(id)}, which is no whole number and no string`,
      );
    }
  }
  return value;
}

/** The field as text; null when missing. Numbers are taken for names. */
export function name(fields: Fields, field: string, place: Place): string | null {
  const value = fields[field];
  if (value === undefined || value === null) return null;
  if (typeof value === 'string' && value.length <= 1_024) return value;
  if (typeof value === 'number') return String(value);
  throw traceError(place, `\`${field}\` is not a name`);
}

/** −1e9 … 1e9, 0 when missing. */
export function priority(fields: Fields, place: Place): number {
  const value = fields['priority'];
  if (value === undefined || value === null) return 0;
  if (typeof value === 'number' && Math.abs(value) <= 1e9) return value;
  throw traceError(place, '`priority` is not a number');
}

function wholeNumber(value: unknown, field: string, max: number, place: Place): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= max) return value;
  throw traceError(place, `\`${field}\` is not a whole number between 0 and ${max}`);
}
