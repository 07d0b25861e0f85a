/**
 * JSON schema → GBNF, the grammar llama.cpp's sampler holds a model to. What a grammar cannot say (patterns,
 * numeric bounds, formats) is left out: the output is then valid JSON of the right shape, which the client checks
 * further. Whitespace is at most one blank, because small models otherwise fill the answer with it.
 */
import { DynamoError } from '../../../errors.js';

export type JsonSchema = boolean | { [key: string]: unknown };

/** Bounds against schemas made to exhaust memory. */
const DEPTH_MAX = 64;
const RULES_MAX = 4_000;
/** Optional properties whose every subset the grammar can say; more are allowed in order only. */
const REPEAT_MAX = 2_000;

const BASE: Record<string, string> = {
  value: 'object | array | string | number | boolean | null',
  object: '"{" ws ( string ":" ws value ( "," ws string ":" ws value )* )? ws "}"',
  array: '"[" ws ( value ( "," ws value )* )? ws "]"',
  string: '"\\"" char* "\\"" ws',
  char: '[^"\\\\\\x00-\\x1f\\x7f] | "\\\\" ( ["\\\\/bfnrt] | "u" hex hex hex hex )',
  hex: '[0-9a-fA-F]',
  number: 'integer ( "." digit+ )? ( [eE] [-+]? digit+ )? ws',
  integer: '"-"? ( "0" | [1-9] digit{0,15} )',
  digit: '[0-9]',
  boolean: '( "true" | "false" ) ws',
  null: '"null" ws',
  ws: '" "?',
};

/** Grammar whose root rule is `root`. Throws `invalid_request` for a schema past the bounds. */
export function grammarOf(schema: JsonSchema): string {
  return new Converter(schema).text();
}

/** A grammar for any JSON object: `response_format: json_object`. */
export function anyObjectGrammar(): string {
  return grammarOf({ type: 'object' });
}

class Converter {
  readonly #root: JsonSchema;
  readonly #rules = new Map<string, string>();
  readonly #references = new Map<string, string>();

  constructor(schema: JsonSchema) {
    this.#root = schema;
  }

  text(): string {
    const root = this.#expression(this.#root, 0);
    const base = Object.entries(BASE).map(([name, body]) => `${name} ::= ${body}`);
    const own = [...this.#rules].map(([name, body]) => `${name} ::= ${body}`);
    return [`root ::= ${root}`, ...own, ...base, ''].join('\n');
  }

  /** An expression that can stand anywhere; anything long becomes a rule of its own. */
  #expression(schema: unknown, depth: number): string {
    if (depth > DEPTH_MAX) throw tooLarge(`nested deeper than ${DEPTH_MAX}`);
    if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) return 'value';
    const fields = schema as Record<string, unknown>;
    if (typeof fields['$ref'] === 'string') return this.#reference(fields['$ref'], depth);
    if ('const' in fields) return `${literal(fields['const'])} ws`;
    if (Array.isArray(fields['enum']) && fields['enum'].length > 0) {
      return this.#rule(fields['enum'].map((entry) => literal(entry)).join(' | ')) + ' ws';
    }
    const choices = fields['anyOf'] ?? fields['oneOf'];
    if (Array.isArray(choices) && choices.length > 0) return this.#choice(choices, depth);
    const parts = fields['allOf'];
    if (Array.isArray(parts) && parts.length > 0) return this.#expression(merged(fields, parts), depth + 1);
    if (Array.isArray(fields['type']))
      return this.#choice(
        fields['type'].map((type) => ({ ...fields, type })),
        depth,
      );
    return this.#typed(fields, depth);
  }

  #typed(fields: Record<string, unknown>, depth: number): string {
    const type = fields['type'] ?? (isObject(fields['properties']) ? 'object' : undefined);
    switch (type) {
      case 'object':
        return this.#object(fields, depth);
      case 'array':
        return this.#array(fields, depth);
      case 'string':
        return this.#string(fields);
      case 'integer':
        return '( integer ws )';
      case 'number':
      case 'boolean':
      case 'null':
        return String(type);
      default:
        return 'value';
    }
  }

  #choice(options: unknown[], depth: number): string {
    return this.#rule(options.map((option) => this.#expression(option, depth + 1)).join(' | '));
  }

  #reference(path: string, depth: number): string {
    const known = this.#references.get(path);
    if (known !== undefined) return known;
    const target = path === '#' ? this.#root : resolve(this.#root, path);
    if (target === undefined) return 'value';
    const name = `ref${this.#references.size}`;
    this.#references.set(path, name);
    // Entered before its body is known, so that a schema may contain itself.
    this.#define(name, this.#expression(target, depth + 1));
    return name;
  }

  #string(fields: Record<string, unknown>): string {
    const min = boundOf(fields['minLength']) ?? 0;
    const max = boundOf(fields['maxLength']);
    if (min === 0 && max === undefined) return 'string';
    return `( "\\"" char${repetition(min, max)} "\\"" ws )`;
  }

  #array(fields: Record<string, unknown>, depth: number): string {
    const tuple = Array.isArray(fields['prefixItems'])
      ? fields['prefixItems']
      : Array.isArray(fields['items'])
        ? fields['items']
        : null;
    if (tuple !== null && tuple.length > 0) {
      return this.#rule(
        `"[" ws ${tuple.map((item) => this.#expression(item, depth + 1)).join(' "," ws ')} "]" ws`,
      );
    }
    const item = fields['items'] === undefined ? 'value' : this.#expression(fields['items'], depth + 1);
    const min = boundOf(fields['minItems']) ?? 0;
    const max = boundOf(fields['maxItems']);
    if (max === 0) return '( "[" ws "]" ws )';
    const more = repetition(Math.max(0, min - 1), max === undefined ? undefined : max - 1);
    const list = `${item} ( "," ws ${item} )${more}`;
    return this.#rule(`"[" ws ${min > 0 ? list : `( ${list} )?`} "]" ws`);
  }

  /** Required and optional properties in the schema's order; a chain of rules says where a comma goes. */
  #object(fields: Record<string, unknown>, depth: number): string {
    const properties = isObject(fields['properties']) ? Object.entries(fields['properties']) : [];
    const required = new Set(Array.isArray(fields['required']) ? fields['required'].map(String) : []);
    if (properties.length === 0) {
      const extra = fields['additionalProperties'];
      if (extra === false) return '( "{" ws "}" ws )';
      if (!isObject(extra)) return '( object ws )';
      const value = this.#expression(extra, depth + 1);
      return this.#rule(`"{" ws ( string ":" ws ${value} ( "," ws string ":" ws ${value} )* )? "}" ws`);
    }
    const pairs = properties.map(([name, schema]) => ({
      text: `${literal(name)} ws ":" ws ${this.#expression(schema, depth + 1)}`,
      isRequired: required.has(name),
    }));
    return this.#rule(`"{" ws ${this.#tail(pairs, 0)} "}" ws`);
  }

  /** The properties from `at` on while none has been written yet, and — by a rule of its own — once one has. */
  #tail(pairs: { text: string; isRequired: boolean }[], at: number): string {
    const after = pairs.map(() => '');
    let rest = '""';
    for (let index = pairs.length - 1; index >= at; index -= 1) {
      after[index] = rest;
      const { text, isRequired } = pairs[index]!;
      const next = `"," ws ${text} ${rest}`;
      rest = this.#rule(isRequired ? next : `${next} | ${rest}`);
    }
    let first = '""';
    for (let index = pairs.length - 1; index >= at; index -= 1) {
      const { text, isRequired } = pairs[index]!;
      const taken = `${text} ${after[index]}`;
      first = this.#rule(isRequired ? taken : `${taken} | ${first}`);
    }
    return first;
  }

  #rule(body: string): string {
    const name = `r${this.#rules.size}`;
    this.#define(name, body);
    return name;
  }

  #define(name: string, body: string): void {
    if (this.#rules.size >= RULES_MAX) throw tooLarge(`more than ${RULES_MAX} parts`);
    this.#rules.set(name, body);
  }
}

/** A JSON value as a GBNF literal. */
export function literal(value: unknown): string {
  const text = JSON.stringify(value) ?? 'null';
  return `"${text.replace(/["\\]/g, (char) => `\\${char}`).replace(/[\u0000-\u001f]/g, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`)}"`;
}

function repetition(min: number, max: number | undefined): string {
  if (max === undefined) return min === 0 ? '*' : `{${min},}`;
  return `{${Math.min(min, max)},${max}}`;
}

function boundOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0
    ? Math.min(value, REPEAT_MAX)
    : undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Properties and requirements of all parts together; of other keywords the last part's. */
function merged(fields: Record<string, unknown>, parts: unknown[]): JsonSchema {
  const { allOf: _, ...rest } = fields;
  return [rest, ...parts].filter(isObject).reduce<Record<string, unknown>>(
    (whole, part) => ({
      ...whole,
      ...part,
      properties: {
        ...(isObject(whole['properties']) ? whole['properties'] : {}),
        ...(isObject(part['properties']) ? part['properties'] : {}),
      },
      required: [
        ...(Array.isArray(whole['required']) ? whole['required'] : []),
        ...(Array.isArray(part['required']) ? part['required'] : []),
      ],
    }),
    {},
  );
}

/** `#/$defs/name`: only inside the schema itself, nothing is ever fetched. */
function resolve(root: JsonSchema, path: string): unknown {
  if (!path.startsWith('#/')) return undefined;
  let at: unknown = root;
  for (const step of path.slice(2).split('/')) {
    const name = step.replaceAll('~1', '/').replaceAll('~0', '~');
    if (!isObject(at) || !Object.hasOwn(at, name)) return undefined;
    at = at[name];
  }
  return at;
}

function tooLarge(detail: string): DynamoError {
  return new DynamoError('invalid_request', { detail: `The JSON schema is ${detail}.` }, { param: 'schema' });
}
