/**
 * JSON schema → GBNF, the grammar llama.cpp's sampler holds a model to. Every derivation is JSON; where the
 * grammar can say what the schema says, it is valid too. What it cannot say (`NOT_HELD`) is left out, parts that
 * make no sense become any value, and schemas made to exhaust memory are refused.
 */
import { DynamoError } from '../../../errors.js';
import { LIMITS } from '../../../limits.js';
import { oneOf } from './alternatives.js';
import { BASE_RULES, jsonLiteral } from './gbnf-text.js';
import { isFields, type JsonSchema, mergeSchemas } from './merge-schemas.js';
import { objectRule } from './object-rule.js';
import { arrayBounds, RepeatBudget, tupleOf } from './repeats.js';
import { hasType, impliedType, isAnnotation, NOT_HELD, resolve } from './schema-keywords.js';

export type { JsonSchema } from './merge-schemas.js';

export interface CallableTool {
  name: string;
  parameters: JsonSchema;
}

/** Grammar with rule `root` for values of the schema. Throws `invalid_request` past the bounds. */
export function schemaGrammar(schema: JsonSchema): string {
  const builder = new GrammarBuilder();
  return builder.text(builder.value(schema));
}

/** Grammar for `{"name": NAME, "arguments": ARGUMENTS}` of any of the tools. */
export function callGrammar(tools: readonly CallableTool[]): string {
  const builder = new GrammarBuilder();
  const calls = tools.map(({ name, parameters }) => {
    const head = `"{" ws "\\"name\\":" ws ${jsonLiteral(name)} "," ws "\\"arguments\\":" ws`;
    return `${head} ${builder.value(parameters)} ws "}"`;
  });
  return builder.text(calls.join(' | '));
}

/** Grammar for exactly one of the texts. */
export function choiceGrammar(texts: readonly string[]): string {
  return `root ::= ${oneOf(texts)}\n`;
}

type Fields = Record<string, unknown>;

/** Where a sub-schema stands. */
interface Place {
  /** `$ref`s are looked up from here; each tool's schema is its own. */
  root: JsonSchema;
  depth: number;
  /** Shared rules entered since the last character, outermost first: see `#sharing`. */
  open: readonly string[];
}

class GrammarBuilder {
  readonly #rules = new Map<string, string>();
  /** Rules of schemas that may be met again: targets of references, and what several parts are merged into. */
  readonly #targets = new Map<object, string>();
  readonly #merged = new Map<object, string>();
  /** Schemas that allow null, without it. */
  readonly #notNull = new Map<object, Fields>();
  /** Shared rules a shared rule may begin with. */
  readonly #begins = new Map<string, Set<string>>();
  readonly #budget = new RepeatBudget();
  readonly #notHeld = new Set<string>();
  #steps = 0;

  /** An expression for values of the schema; where nothing is valid, for any value of its type. */
  value(schema: JsonSchema): string {
    const anything = isFields(schema) && schema['type'] === 'object' ? 'object' : 'value';
    return this.#expression(schema, { root: schema, depth: 0, open: [] }) ?? anything;
  }

  text(root: string): string {
    const lines = [...Object.entries({ root, ...BASE_RULES }), ...this.#rules];
    const note = this.#notHeld.size === 0 ? [] : [`# not held to: ${[...this.#notHeld].join(', ')}`];
    return [...note, ...lines.map(([name, body]) => `${name} ::= ${body}`), ''].join('\n');
  }

  /**
   * Stands anywhere, and more than once: what has alternatives, parts or repetitions is a rule of its own. Null
   * where nothing is valid.
   */
  #expression(schema: unknown, place: Place): string | null {
    this.#count(place.depth);
    if (schema === false) return null;
    if (!isFields(schema)) return 'value';
    for (const keyword of NOT_HELD) if (keyword in schema) this.#notHeld.add(keyword);
    if (schema['nullable'] === true) return this.#choice([this.#strict(schema), { type: 'null' }], place);
    if (typeof schema['$ref'] === 'string') return this.#referring(schema, schema['$ref'], place);
    if (Array.isArray(schema['allOf']) && schema['allOf'].length > 0)
      return this.#all(schema, schema['allOf'], place);
    const options = schema['anyOf'] ?? schema['oneOf'];
    if (Array.isArray(options) && options.length > 0) return this.#oneOf(schema, options, place);
    if ('const' in schema) return jsonLiteral(schema['const']);
    if (Array.isArray(schema['enum'])) return this.#enumeration(schema['enum'], schema['type']);
    if (Array.isArray(schema['type'])) {
      const types: unknown[] = schema['type'];
      return this.#choice(
        types.map((type) => ({ ...schema, type })),
        place,
      );
    }
    return this.#typed(schema, place);
  }

  #typed(schema: Fields, place: Place): string | null {
    const type = schema['type'] ?? impliedType(schema);
    const inside = (part: unknown): string | null =>
      this.#expression(part, { ...place, depth: place.depth + 1, open: [] });
    if (type === 'object') return objectRule(schema, inside, (body) => this.#rule(body));
    if (type === 'array') return this.#array(schema, inside);
    if (type === 'string') return this.#string(schema);
    const isScalar = type === 'integer' || type === 'number' || type === 'boolean' || type === 'null';
    return isScalar ? type : 'value';
  }

  /** Generators repeat `null` in an enum whose type excludes it; where no value has the type, the enum is believed. */
  #enumeration(values: unknown[], type: unknown): string | null {
    const typed = values.filter((value) => hasType(value, type));
    const texts = (typed.length === 0 ? values : typed).map((value) => JSON.stringify(value) ?? 'null');
    return texts.length === 0 ? null : this.#rule(oneOf(texts));
  }

  /** The same object each time, so that a schema which contains itself is known again. */
  #strict(schema: Fields): Fields {
    const known = this.#notNull.get(schema);
    if (known !== undefined) return known;
    const { nullable: _, ...strict } = schema;
    this.#notNull.set(schema, strict);
    return strict;
  }

  #choice(options: readonly unknown[], place: Place): string | null {
    const beside = { ...place, depth: place.depth + 1 };
    const possible = options
      .map((option) => this.#expression(option, beside))
      .filter((text) => text !== null);
    const distinct = [...new Set(possible)];
    if (distinct.length === 0) return null;
    return distinct.length === 1 ? (distinct[0] as string) : this.#rule(distinct.join(' | '));
  }

  /** What stands beside `anyOf` holds for each option. */
  #oneOf(schema: Fields, options: unknown[], place: Place): string | null {
    const { anyOf: _, oneOf: __, ...rest } = schema;
    if (isAnnotation(rest)) return this.#choice(options, place);
    return this.#sharing(this.#merged, schema, place, (within) =>
      this.#choice(
        options.map((option) => mergeSchemas(this.#target(option, place), rest)),
        within,
      ),
    );
  }

  #all(schema: Fields, parts: unknown[], place: Place): string | null {
    const { allOf: _, ...rest } = schema;
    return this.#sharing(this.#merged, schema, place, (within) => {
      const targets = parts.map((part) => this.#target(part, place));
      return this.#expression(targets.reduce<JsonSchema>(mergeSchemas, rest), within);
    });
  }

  #referring(schema: Fields, path: string, place: Place): string | null {
    const { $ref: _, ...rest } = schema;
    const target = resolve(place.root, path);
    if (!isFields(target)) return target === false ? null : 'value';
    if (isAnnotation(rest))
      return this.#sharing(this.#targets, target, place, (within) => this.#expression(target, within));
    return this.#sharing(this.#merged, schema, place, (within) =>
      this.#expression(mergeSchemas(rest, this.#target(target, place)), within),
    );
  }

  /**
   * The one rule of a schema, named before its body is known, so that a schema may contain itself. Where that would
   * be before any character (the library cannot parse such a rule) the schema adds nothing: null.
   */
  #sharing(
    rules: Map<object, string>,
    schema: object,
    place: Place,
    build: (within: Place) => string | null,
  ): string | null {
    const known = rules.get(schema);
    if (known !== undefined && this.#mayBeginWith(known, place.open)) return null;
    const name = known ?? this.#rule('value');
    const owner = place.open.at(-1);
    if (owner !== undefined) this.#begins.set(owner, (this.#begins.get(owner) ?? new Set()).add(name));
    if (known !== undefined) return name;
    rules.set(schema, name);
    const body = build({ ...place, depth: place.depth + 1, open: [...place.open, name] });
    if (body !== null) this.#rules.set(name, body);
    else rules.delete(schema);
    return body === null ? null : name;
  }

  #mayBeginWith(name: string, others: readonly string[]): boolean {
    const seen = new Set([name]);
    for (const at of seen) {
      if (others.includes(at)) return true;
      for (const next of this.#begins.get(at) ?? []) seen.add(next);
    }
    return false;
  }

  /** What a chain of plain `$ref`s ends at; the part itself when it is none. */
  #target(part: unknown, { root }: Place): JsonSchema {
    let at = part;
    for (let steps = 0; steps < LIMITS.schemaDepth; steps += 1) {
      if (!isFields(at)) return at !== false;
      if (typeof at['$ref'] !== 'string') return at;
      const { $ref: path, ...rest } = at as { $ref: string };
      const target = resolve(root, path);
      at = mergeSchemas(rest, isFields(target) ? target : target !== false);
    }
    return true;
  }

  #string(schema: Fields): string {
    const repeat = this.#budget.of(schema['minLength'], schema['maxLength']);
    return repeat === '*' ? 'string' : this.#rule(`"\\"" char${repeat} "\\""`);
  }

  #array(schema: Fields, inside: (part: unknown) => string | null): string {
    const { items: tupleItems, rest } = tupleOf(schema);
    const { min, max } = arrayBounds(schema);
    const tuple = tupleItems.slice(0, max).map((item) => inside(item) ?? 'value');
    const isFull = max !== undefined && max <= tuple.length;
    // What must be there but cannot be valid is any value: a part without sense, not a whole without it.
    const item = isFull ? null : (inside(rest ?? true) ?? (min > tuple.length ? 'value' : null));
    if (tuple.length > 0) {
      const least = Math.max(0, min - tuple.length);
      const most = max === undefined ? undefined : max - tuple.length;
      const more = item === null ? '' : ` ( "," ws ${item} )${this.#budget.of(least, most)}`;
      return this.#rule(`"[" ws ${tuple.join(' "," ws ')}${more} ws "]"`);
    }
    if (item === null) return '"[" ws "]"';
    const more = this.#budget.of(Math.max(0, min - 1), max === undefined ? undefined : max - 1);
    const list = `${item} ( "," ws ${item} )${more} ws`;
    return this.#rule(`"[" ws ${min > 0 ? list : `( ${list} )?`} "]"`);
  }

  #rule(body: string): string {
    if (this.#rules.size >= LIMITS.schemaRules) throw tooLarge(`of more than ${LIMITS.schemaRules} parts`);
    const name = `r${this.#rules.size}`;
    this.#rules.set(name, body);
    return name;
  }

  #count(depth: number): void {
    this.#steps += 1;
    if (depth > LIMITS.schemaDepth) throw tooLarge(`nested deeper than ${LIMITS.schemaDepth}`);
    if (this.#steps > LIMITS.schemaParts)
      throw tooLarge(`of more than ${LIMITS.schemaParts} parts once its references are followed`);
  }
}

function tooLarge(detail: string): DynamoError {
  return new DynamoError('invalid_request', { detail: `The JSON schema is ${detail}.` }, { param: 'schema' });
}
