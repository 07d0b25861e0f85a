/** What the keywords of JSON schema mean for a grammar. Pure. */
import type { JsonSchema } from './merge-schemas.js';

/** Keywords a grammar cannot express; named in a comment of its text. */
export const NOT_HELD: readonly string[] = [
  ...['pattern', 'format', 'minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'],
  ...['uniqueItems', 'contains', 'not', 'if', 'patternProperties', 'propertyNames', 'dependentRequired'],
];

const ANNOTATIONS: ReadonlySet<string> = new Set([
  ...['$ref', '$defs', 'definitions', '$schema', '$id', '$comment', 'title', 'description'],
  ...['default', 'examples', 'deprecated', 'readOnly', 'writeOnly'],
]);

/** Whether these keywords say nothing about the value: a `$ref` beside them stands for its target. */
export function isAnnotation(keywords: Record<string, unknown>): boolean {
  return Object.keys(keywords).every((key) => ANNOTATIONS.has(key));
}

/** The type its keywords are about, for schemas that leave `type` out. */
export function impliedType(schema: Record<string, unknown>): string | undefined {
  const has = (...names: string[]): boolean => names.some((name) => name in schema);
  if (has('properties', 'required', 'additionalProperties', 'minProperties', 'maxProperties'))
    return 'object';
  if (has('items', 'prefixItems', 'minItems', 'maxItems')) return 'array';
  return has('minLength', 'maxLength') ? 'string' : undefined;
}

/** Whether a value is of the type, or one of the types, of its schema; true where that names none. */
export function hasType(value: unknown, type: unknown): boolean {
  if (type === undefined) return true;
  if (Array.isArray(type)) return type.some((one) => hasType(value, one));
  if (value === null) return type === 'null';
  if (Array.isArray(value)) return type === 'array';
  return type === 'integer' ? Number.isInteger(value) : type === typeof value;
}

/** `#/$defs/name`, or `#` itself: only inside the schema, nothing is ever fetched. */
export function resolve(root: JsonSchema, path: string): unknown {
  if (path === '#') return root;
  if (!path.startsWith('#/')) return undefined;
  let at: unknown = root;
  for (const step of path.slice(2).split('/')) {
    const name = unescaped(step).replaceAll('~1', '/').replaceAll('~0', '~');
    const isThere = typeof at === 'object' && at !== null && Object.hasOwn(at, name);
    if (!isThere) return undefined;
    at = (at as Record<string, unknown>)[name];
  }
  return at;
}

/** A pointer in a URI is percent-encoded; names with a bare percent sign are taken as they are. */
function unescaped(step: string): string {
  try {
    return decodeURIComponent(step);
  } catch {
    return step;
  }
}
