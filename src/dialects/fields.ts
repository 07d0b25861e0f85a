/** Reads fields of untrusted JSON. `null` counts as absent; a wrong type is an `invalid_request` naming the field. */
import { DynamoError } from '../errors.js';

/** Characters of a client's own words in our sentences. */
const SHOWN_MAX = 60;

export type Fields = Record<string, unknown>;

/** Range of a number, both ends included. */
export interface NumberRange {
  min?: number;
  max?: number;
  isInteger?: boolean;
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The body as an object. Throws `invalid_request` for anything else. */
export function bodyFields(body: unknown): Fields {
  if (isFields(body)) return body;
  throw new DynamoError('invalid_request', { detail: 'The body must be a JSON object.' });
}

/** Any JSON value in a few words of a sentence. Never throws: an object may hold a `toString` that is no function. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return value.slice(0, SHOWN_MAX);
  return typeof value === 'object' && value !== null ? '(an object)' : String(value);
}

/** An `invalid_request` whose sentence starts with the field at fault. */
export function invalid(param: string, detail: string): DynamoError {
  return new DynamoError('invalid_request', { detail: `${param}: ${detail}` }, { param });
}

/** A feature that exists in the wire API and not here. */
export function unsupported(param: string, detail: string): DynamoError {
  return new DynamoError('unsupported', { detail: `${param}: ${detail}` }, { param });
}

export function textField(fields: Fields, name: string, at = ''): string | undefined {
  const value = fields[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return value;
  throw invalid(at + name, 'must be a string');
}

export function requiredText(fields: Fields, name: string, at = ''): string {
  const value = textField(fields, name, at);
  if (value === undefined) throw invalid(at + name, 'is required');
  return value;
}

export function numberField(
  fields: Fields,
  name: string,
  range: NumberRange = {},
  at = '',
): number | undefined {
  const value = fields[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'number' || !Number.isFinite(value)) throw invalid(at + name, 'must be a number');
  return inRange(value, range, at + name);
}

export function booleanField(fields: Fields, name: string, at = ''): boolean | undefined {
  const value = fields[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'boolean') return value;
  throw invalid(at + name, 'must be true or false');
}

export function listField(fields: Fields, name: string, at = ''): unknown[] | undefined {
  const value = fields[name];
  if (value === undefined || value === null) return undefined;
  if (Array.isArray(value)) return value;
  throw invalid(at + name, 'must be a list');
}

export function objectField(fields: Fields, name: string, at = ''): Fields | undefined {
  const value = fields[name];
  if (value === undefined || value === null) return undefined;
  if (isFields(value)) return value;
  throw invalid(at + name, 'must be an object');
}

/** A string or a list of strings, always as a list. */
export function textsField(fields: Fields, name: string, at = ''): string[] {
  const value = fields[name];
  if (value === undefined || value === null) return [];
  const list = Array.isArray(value) ? value : [value];
  if (list.every((item) => typeof item === 'string')) return list;
  throw invalid(at + name, 'must be a string or a list of strings');
}

export function inRange(value: number, range: NumberRange, param: string): number {
  const { min = -Infinity, max = Infinity, isInteger = false } = range;
  if (isInteger && !Number.isInteger(value)) throw invalid(param, 'must be a whole number');
  if (value >= min && value <= max) return value;
  if (max === Infinity) throw invalid(param, `must be at least ${min}`);
  throw invalid(param, `must be between ${min} and ${max}`);
}
