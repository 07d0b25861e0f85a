/** `{"name": …, "arguments" | "parameters": {…}}`, one or a list of them. */
import { endOfJson } from './json-end.js';
import type { Body, DeclaredTools, ParsedCall } from './types.js';

/** `incomplete` when the JSON goes on: the closing marker stood inside a string. */
export function jsonCalls(text: string, tools: DeclaredTools, isLast: boolean): Body {
  const trimmed = text.trim();
  let value: unknown;
  try {
    value = JSON.parse(trimmed);
  } catch {
    return !isLast && /^[[{]/.test(trimmed) && endOfJson(trimmed) === null ? 'incomplete' : 'text';
  }
  const entries = Array.isArray(value) ? value : [value];
  const calls = entries.map((entry) => jsonCall(entry, tools));
  return calls.length === 0 || calls.includes(null) ? 'text' : (calls as ParsedCall[]);
}

export function jsonCall(value: unknown, tools: DeclaredTools): ParsedCall | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  const { name, arguments: args, parameters } = value as Record<string, unknown>;
  if (typeof name !== 'string' || !tools.has(name)) return null;
  const given = args ?? parameters ?? {};
  if (typeof given === 'string') {
    // Some models write the arguments as a string of JSON.
    try {
      const inner: unknown = JSON.parse(given);
      return isObject(inner) ? { name, arguments: given } : null;
    } catch {
      return null;
    }
  }
  return isObject(given) ? { name, arguments: JSON.stringify(given) } : null;
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
