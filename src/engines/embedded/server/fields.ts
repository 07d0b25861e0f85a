/** Typed access to the fields of a body; null counts as absent, as in vLLM. */
import { badRequest, invalidField } from './api-error.js';

export type Body = Record<string, unknown>;

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A finite number within the bounds. */
export function numberField(body: Body, name: string, min: number, max: number): number | undefined {
  const value = body[name] ?? undefined;
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !Number.isFinite(value))
    throw invalidField(name, 'Input should be a valid number', value);
  if (value >= min && value <= max) return value;
  throw badRequest(
    `${name} must be from ${min} to ${max}, got ${value}. (parameter=${name}, value=${value})`,
    name,
  );
}

export function integerField(body: Body, name: string, min: number, max: number): number | undefined {
  const value = numberField(body, name, min, max);
  if (value !== undefined && !Number.isInteger(value))
    throw invalidField(name, 'Input should be a valid integer', value);
  return value;
}

export function textField(body: Body, name: string): string | undefined {
  const value = body[name] ?? undefined;
  if (value === undefined || typeof value === 'string') return value;
  throw invalidField(name, 'Input should be a valid string', value);
}

export function objectField(body: Body, name: string): Record<string, unknown> | undefined {
  const value = body[name] ?? undefined;
  if (value === undefined || isObject(value)) return value;
  throw invalidField(name, 'Input should be a valid dictionary', value);
}

/** A list of token ids of this model. */
export function tokenIds(value: unknown, name: string, vocabTokens: number): number[] {
  const isIds =
    Array.isArray(value) && value.every((id) => Number.isInteger(id) && id >= 0 && id < vocabTokens);
  if (isIds) return value as number[];
  throw badRequest(`${name} must be a list of token ids from 0 to ${vocabTokens - 1}`, name);
}
