/** Arguments that a model writes as plain text, as JSON of the type the tool's schema asks for. */

const TEXT_TYPES: ReadonlySet<unknown> = new Set(['string', 'str', 'text', 'enum']);

/** JSON text of `name`'s value. What is no JSON of another type than string stays a string: nothing is lost. */
export function argumentJson(text: string, name: string, schema: Record<string, unknown>): string {
  if (isText(propertyOf(schema, name))) return JSON.stringify(text);
  const trimmed = text.trim();
  try {
    JSON.parse(trimmed);
    return trimmed;
  } catch {
    const lower = trimmed.toLowerCase();
    if (lower === 'true' || lower === 'false') return lower;
    if (lower === 'none') return 'null';
    return JSON.stringify(text);
  }
}

/** `{"name": value, …}` from names and JSON values, in their order; a name given twice counts once, the last time. */
export function objectJson(entries: readonly (readonly [name: string, json: string])[]): string {
  const last = new Map(entries);
  return `{${[...last].map(([name, json]) => `${JSON.stringify(name)}: ${json}`).join(', ')}}`;
}

/** The text of a JSON object, as it is; null when it is none. */
export function objectText(json: string): string | null {
  const text = json.trim();
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? text : null;
  } catch {
    return null;
  }
}

function propertyOf(schema: Record<string, unknown>, name: string): unknown {
  const properties = schema['properties'];
  if (typeof properties !== 'object' || properties === null) return undefined;
  return Object.hasOwn(properties, name) ? (properties as Record<string, unknown>)[name] : undefined;
}

/** A value that may be a string is left one unless another type is allowed too and fits. Unknown properties are read as JSON. */
function isText(property: unknown): boolean {
  if (typeof property !== 'object' || property === null) return false;
  const { type, enum: choices, anyOf, oneOf } = property as Record<string, unknown>;
  if (Array.isArray(type))
    return (
      type.every((one) => TEXT_TYPES.has(one) || one === 'null') && type.some((one) => TEXT_TYPES.has(one))
    );
  if (type !== undefined) return TEXT_TYPES.has(type);
  if (Array.isArray(choices))
    return choices.length > 0 && choices.every((choice) => typeof choice === 'string');
  const parts = anyOf ?? oneOf;
  return Array.isArray(parts) && parts.length > 0 && parts.every((part) => isText(part) || isNull(part));
}

function isNull(part: unknown): boolean {
  return typeof part === 'object' && part !== null && (part as Record<string, unknown>)['type'] === 'null';
}
