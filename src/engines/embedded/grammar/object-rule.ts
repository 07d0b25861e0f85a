/** Objects: declared properties in the schema's order, each with or without its neighbours; or a free map. */
import { jsonLiteral } from './gbnf-text.js';
import { isFields } from './merge-schemas.js';

interface Pair {
  text: string;
  isRequired: boolean;
}

/** `inside` gives the expression of a part (null where nothing is valid), `rule` names a body. */
export function objectRule(
  schema: Record<string, unknown>,
  inside: (part: unknown) => string | null,
  rule: (body: string) => string,
): string {
  const pairs = pairsOf(schema, inside);
  if (pairs.length > 0) return rule(`"{" ws ${propertyList(pairs, rule)} "}"`);
  const declaresNone = isFields(schema['properties']) && Object.keys(schema['properties']).length > 0;
  const extra = declaresNone ? false : (schema['additionalProperties'] ?? true);
  const value = schema['maxProperties'] === 0 ? null : inside(extra);
  if (value === null) return '"{" ws "}"';
  const pair = `string ":" ws ${value}`;
  const list = `${pair} ( "," ws ${pair} )* ws`;
  const isEmptyFine = !(typeof schema['minProperties'] === 'number' && schema['minProperties'] > 0);
  return rule(`"{" ws ${isEmptyFine ? `( ${list} )?` : list} "}"`);
}

/** Declared properties, then required ones nobody declared. An optional one that nothing satisfies is left out. */
function pairsOf(schema: Record<string, unknown>, inside: (part: unknown) => string | null): Pair[] {
  const properties = isFields(schema['properties']) ? schema['properties'] : {};
  const listed = Array.isArray(schema['required']) ? schema['required'] : [];
  const required = new Set(listed.filter((name): name is string => typeof name === 'string'));
  const undeclared = [...required].filter((name) => !Object.hasOwn(properties, name));
  const extra = isFields(schema['additionalProperties']) ? schema['additionalProperties'] : true;
  const all: [string, unknown][] = [
    ...Object.entries(properties),
    ...undeclared.map((name): [string, unknown] => [name, extra]),
  ];
  return all.flatMap(([name, part]) => {
    const isRequired = required.has(name);
    const value = inside(part) ?? (isRequired ? 'value' : null);
    return value === null ? [] : [{ text: `${jsonLiteral(name)} ":" ws ${value}`, isRequired }];
  });
}

/**
 * Two chains of rules say where a comma goes: `rest[i]` follows a property already written, `first[i]` is where
 * none has been. Their length is linear in the properties, whatever subset is written.
 */
function propertyList(pairs: readonly Pair[], rule: (body: string) => string): string {
  let rest = '';
  let first = '';
  for (const { text, isRequired } of [...pairs].reverse()) {
    const alone = joined(text, rest || 'ws');
    const next = joined(`"," ws`, alone);
    first = isRequired ? rule(alone) : rule(`${alone} | ${first || '""'}`);
    rest = isRequired ? rule(next) : rule(`${next} | ${rest || 'ws'}`);
  }
  return first;
}

function joined(left: string, right: string): string {
  return `${left} ${right}`;
}
