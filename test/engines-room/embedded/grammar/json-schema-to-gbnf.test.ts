/**
 * Every text a grammar allows is valid under its schema: random schemas, random texts of their grammars. The model
 * is not needed for this; `real-model.test.ts` shows that the library reads the grammars the same way.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { argumentsSchema } from '../../../../src/engines/embedded/grammar/arguments-schema.js';
import {
  callGrammar,
  choiceGrammar,
  type JsonSchema,
  schemaGrammar,
} from '../../../../src/engines/embedded/grammar/json-schema-to-gbnf.js';
import { depths, type Grammar, parseGrammar, writeText } from './gbnf.js';
import { schemas } from './schemas.js';
import { problems } from './validate.js';

const seeds = fc.array(fc.nat(), { minLength: 60, maxLength: 60 });

function randomOf(numbers: readonly number[]): (below: number) => number {
  let at = 0;
  return (below) => (below <= 0 ? 0 : (numbers[at++ % numbers.length] as number) % below);
}

/** Texts of the grammar that come up with different choices. */
function texts(grammar: Grammar, count = 40): string[] {
  return Array.from({ length: count }, (_, seed) => {
    let state = seed * 7_919 + 1;
    return writeText(grammar, (below) => {
      state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
      return Math.floor((state / 2 ** 31) * below);
    });
  });
}

function valuesOf(schema: JsonSchema): unknown[] {
  return texts(parseGrammar(schemaGrammar(schema))).map((text) => JSON.parse(text) as unknown);
}

describe('any schema', () => {
  it('gives a grammar all of whose texts are JSON and valid', () => {
    fc.assert(
      fc.property(schemas, seeds, (schema, numbers) => {
        const grammar = parseGrammar(schemaGrammar(schema));
        // A schema that requires itself inside itself has no finite value.
        fc.pre(depths(grammar).get('root') !== Infinity);
        const value: unknown = JSON.parse(writeText(grammar, randomOf(numbers)));
        expect(problems(schema, value)).toEqual([]);
      }),
      { numRuns: 1_500 },
    );
  });

  it('gives a grammar, or a refusal, whatever it is', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), (schema) => {
        parseGrammar(schemaGrammar(schema as JsonSchema));
        parseGrammar(callGrammar([{ name: 'f', parameters: argumentsSchema(schema) }]));
      }),
    );
    const keyword = fc.constantFrom(
      'type',
      'properties',
      'items',
      'anyOf',
      'allOf',
      '$ref',
      'enum',
      'required',
    );
    fc.assert(
      fc.property(fc.dictionary(keyword, fc.jsonValue()), (schema) => {
        parseGrammar(schemaGrammar(schema));
      }),
    );
  });
});

describe('a schema', () => {
  it('keeps declared properties in order, with or without the optional ones', () => {
    const schema = {
      type: 'object',
      properties: { a: { const: 1 }, b: { const: 2 }, c: { const: 3 } },
      required: ['b'],
    };
    const found = new Set(valuesOf(schema).map((value) => JSON.stringify(value)));
    expect([...found].sort()).toEqual(['{"a":1,"b":2,"c":3}', '{"a":1,"b":2}', '{"b":2,"c":3}', '{"b":2}']);
  });

  it('adds required properties nobody declared, typed by additionalProperties', () => {
    const schema = { type: 'object', required: ['x'], additionalProperties: { type: 'boolean' } };
    for (const value of valuesOf(schema)) expect(typeof (value as { x: unknown }).x).toBe('boolean');
  });

  it('is a free map when it declares nothing', () => {
    const values = valuesOf({ type: 'object', additionalProperties: { type: 'integer' } }) as object[];
    expect(values.some((value) => Object.keys(value).length > 1)).toBe(true);
    expect(values.flatMap((value) => Object.values(value)).every(Number.isInteger)).toBe(true);
  });

  it('holds what stands beside anyOf for each option', () => {
    const schema = {
      type: 'object',
      properties: { a: { const: 1 }, b: { const: 2 } },
      anyOf: [{ required: ['a'] }, { required: ['b'] }, { type: 'string' }],
    };
    const found = new Set(valuesOf(schema).map((value) => JSON.stringify(value)));
    expect([...found].sort()).toEqual(['{"a":1,"b":2}', '{"a":1}', '{"b":2}']);
  });

  it('joins the parts of allOf through references', () => {
    const schema = {
      allOf: [{ $ref: '#/definitions/base' }, { properties: { b: { const: 2 } }, required: ['b'] }],
      definitions: { base: { type: 'object', properties: { a: { const: 1 } }, required: ['a'] } },
    };
    for (const value of valuesOf(schema)) expect(value).toEqual({ a: 1, b: 2 });
  });

  it('may contain itself', () => {
    const schema = {
      $ref: '#/$defs/node',
      $defs: {
        node: {
          type: 'object',
          properties: {
            next: { anyOf: [{ $ref: '#/$defs/node' }, { type: 'null' }], description: 'the rest' },
            all: { type: 'array', items: { $ref: '#/$defs/node', nullable: true } },
          },
          required: ['next'],
        },
      },
    };
    const values = valuesOf(schema);
    for (const value of values) expect(problems(schema, value)).toEqual([]);
    expect(values.some((value) => (value as { next: unknown }).next !== null)).toBe(true);
  });

  it.each([
    ['itself', { $ref: '#' }],
    ['a circle', { $ref: '#/$defs/a', $defs: { a: { $ref: '#/$defs/b' }, b: { $ref: '#/$defs/a' } } }],
    ['itself or a text', { anyOf: [{ $ref: '#' }, { type: 'string' }] }],
    [
      'options that lead to each other',
      {
        type: 'object',
        properties: { p: { $ref: '#/$defs/c' } },
        anyOf: [{ required: ['p'] }],
        $defs: {
          a: { anyOf: [{ type: 'object', properties: { q: { $ref: '#/$defs/c' } } }, { $ref: '#/$defs/c' }] },
          c: { anyOf: [{ $ref: '#/$defs/a' }, { type: 'integer' }] },
        },
      },
    ],
    ['nothing there', { $ref: '#/$defs/missing' }],
    ['another document', { $ref: 'https://example.com/schema.json' }],
  ])('that refers to %s still gives a grammar that can be parsed', (_, schema) => {
    for (const text of texts(parseGrammar(schemaGrammar(schema)))) JSON.parse(text);
  });

  it('names what the grammar cannot hold in a comment', () => {
    const schema = { type: 'string', pattern: '^a+$', format: 'date' };
    expect(schemaGrammar({ type: 'object', properties: { a: schema } })).toMatch(
      /^# not held to: pattern, format\n/,
    );
    expect(schemaGrammar({ type: 'string' })).not.toContain('#');
  });

  it('bounds blanks and digits, in which small models get lost', () => {
    const grammar = parseGrammar(schemaGrammar(true));
    for (const text of texts(grammar, 300)) {
      const outside = text.replace(/"(?:\\.|[^"\\])*"/g, '""');
      expect(outside).not.toMatch(/ {2}|\d{17}|\n/);
    }
  });
});

describe('hostile schemas', () => {
  const nested = (depth: number): JsonSchema => {
    let schema: JsonSchema = { type: 'string' };
    for (let level = 0; level < depth; level += 1) schema = { type: 'array', items: schema };
    return schema;
  };
  const wide = (count: number): JsonSchema => ({
    type: 'object',
    properties: Object.fromEntries(Array.from({ length: count }, (_, at) => [`p${at}`, { type: 'string' }])),
  });
  // Each level uses the next one twice, with something beside the reference: 2^40 parts when followed naively.
  const doubling: JsonSchema = {
    $ref: '#/$defs/l0',
    $defs: Object.fromEntries(
      Array.from({ length: 40 }, (_, at) => {
        const next = (title: number): JsonSchema => ({ $ref: `#/$defs/l${at + 1}`, minLength: title });
        return [`l${at}`, { type: 'object', properties: { a: next(1), b: next(2) } }];
      }),
    ),
  };

  it.each([
    ['too deep', nested(1_000)],
    ['too wide', wide(10_000)],
    ['doubling at each level', doubling],
  ])("%s are refused as the client's mistake, at once", (_, schema) => {
    const start = performance.now();
    expect(() => schemaGrammar(schema)).toThrow(
      expect.objectContaining({ code: 'invalid_request', status: 400 }),
    );
    expect(performance.now() - start).toBeLessThan(5_000);
  });

  it('large but honest ones pass', () => {
    parseGrammar(schemaGrammar(nested(50)));
    parseGrammar(schemaGrammar(wide(500)));
  });

  it('ask for no more repetition than the library bears', () => {
    const long = { type: 'string', minLength: 1_000_000, maxLength: 2_000_000 };
    const grammar = schemaGrammar({
      type: 'object',
      properties: Object.fromEntries(
        Array.from({ length: 50 }, (_, at) => [`p${at}`, { ...long, maxLength: 1_900 + at }]),
      ),
    });
    const repeats = [...grammar.matchAll(/char\{\d*,?(\d*)\}/g)].map((match) => Number(match[1]));
    expect(repeats.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(10_000);
    parseGrammar(grammar);
  });
});

describe('tool calls', () => {
  const tools = [
    {
      name: 'get_weather',
      parameters: argumentsSchema({
        properties: { city: { $ref: '#/$defs/x' } },
        $defs: { x: { const: 'Paris' } },
        required: ['city'],
      }),
    },
    {
      name: 'say "hi"',
      parameters: argumentsSchema({
        type: 'object',
        properties: { n: { $ref: '#/$defs/x' } },
        $defs: { x: { const: 7 } },
        required: ['n'],
      }),
    },
  ];

  it("are a name and arguments; each tool's references are its own", () => {
    const calls = new Set(
      texts(parseGrammar(callGrammar(tools))).map((text) => JSON.stringify(JSON.parse(text))),
    );
    expect([...calls].sort()).toEqual([
      '{"name":"get_weather","arguments":{"city":"Paris"}}',
      '{"name":"say \\"hi\\"","arguments":{"n":7}}',
    ]);
  });

  it.each([
    undefined,
    null,
    true,
    'x',
    [],
    {},
    { type: 'string' },
    { type: ['object', 'null'] },
    { anyOf: [{ type: 'string' }] },
  ])('have an object as arguments even when the schema is %j', (parameters) => {
    const grammar = parseGrammar(callGrammar([{ name: 'f', parameters: argumentsSchema(parameters) }]));
    for (const text of texts(grammar, 10)) {
      const call = JSON.parse(text) as { arguments: unknown };
      expect(call.arguments).toBeTypeOf('object');
      expect(Array.isArray(call.arguments) || call.arguments === null).toBe(false);
    }
  });

  it('and choices are exactly the texts given', () => {
    const given = ['yes', 'no "really"', 'naïve\n日本'];
    expect(new Set(texts(parseGrammar(choiceGrammar(given))))).toEqual(new Set(given));
  });
});
