/** Schemas that must all hold, as one. What cannot be joined keeps the first part's word. */

export type JsonSchema = boolean | { [key: string]: unknown };

type Fields = Record<string, unknown>;

/** `false` when nothing can satisfy both. */
export function mergeSchemas(first: JsonSchema, second: JsonSchema): JsonSchema {
  if (first === false || second === false) return false;
  if (first === true) return second;
  if (second === true) return first;
  const types = commonTypes(first['type'], second['type']);
  const values = commonValues(first, second);
  if (types?.length === 0 || values?.length === 0) return false;
  return {
    ...second,
    ...first,
    nullable: first['nullable'] === true && second['nullable'] === true,
    ...(types === null ? {} : { type: types.length === 1 ? types[0] : types }),
    ...(values === null ? {} : { enum: values }),
    ...objectParts(first, second),
    ...bounds(first, second),
  };
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Null when neither names types. Every integer is a number. */
function commonTypes(first: unknown, second: unknown): unknown[] | null {
  if (first === undefined && second === undefined) return null;
  if (first === undefined || second === undefined) return listOf(first ?? second);
  const others = listOf(second);
  return listOf(first).flatMap((type) => {
    if (others.includes(type)) return [type];
    if (type === 'number' && others.includes('integer')) return ['integer'];
    return type === 'integer' && others.includes('number') ? ['integer'] : [];
  });
}

function commonValues(first: Fields, second: Fields): unknown[] | null {
  const [a, b] = [valuesOf(first), valuesOf(second)];
  if (a === null || b === null) return a ?? b;
  const known = new Set(b.map((value) => JSON.stringify(value)));
  return a.filter((value) => known.has(JSON.stringify(value)));
}

function valuesOf(fields: Fields): unknown[] | null {
  if ('const' in fields) return [fields['const']];
  return Array.isArray(fields['enum']) ? fields['enum'] : null;
}

function objectParts(first: Fields, second: Fields): Fields {
  const [a, b] = [first['properties'], second['properties']];
  const properties = isFields(a) && isFields(b) ? joined(a, b) : (a ?? b);
  const required = [...new Set([...listOf(first['required'] ?? []), ...listOf(second['required'] ?? [])])];
  return {
    ...(properties === undefined ? {} : { properties }),
    ...(required.length === 0 ? {} : { required }),
  };
}

/** A property both describe must satisfy both. */
function joined(first: Fields, second: Fields): Fields {
  const all: Fields = Object.assign(Object.create(null), second, first);
  for (const name of Object.keys(first)) {
    if (Object.hasOwn(second, name)) all[name] = { allOf: [first[name], second[name]] };
  }
  return all;
}

const LOWER = ['minLength', 'minItems', 'minProperties'];
const UPPER = ['maxLength', 'maxItems', 'maxProperties'];

function bounds(first: Fields, second: Fields): Fields {
  const both = (names: string[], choose: (...values: number[]) => number): [string, number][] =>
    names.flatMap((name) => {
      const values = [first[name], second[name]].filter((value) => typeof value === 'number');
      return values.length === 0 ? [] : [[name, choose(...values)]];
    });
  return Object.fromEntries([...both(LOWER, Math.max), ...both(UPPER, Math.min)]);
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [value];
}
