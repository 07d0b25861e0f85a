/** What generators of schemas write that a reader of the standard would not expect. */
import { describe, expect, it } from 'vitest';
import {
  type JsonSchema,
  schemaGrammar,
} from '../../../../src/engines/embedded/grammar/json-schema-to-gbnf.js';
import { parseGrammar, writeText } from './gbnf.js';
import { problems } from './validate.js';

/** Values of the grammar's texts that come up with different choices. */
function valuesOf(schema: JsonSchema): unknown[] {
  const grammar = parseGrammar(schemaGrammar(schema));
  return Array.from({ length: 40 }, (_, seed) => {
    let state = seed * 7_919 + 1;
    const text = writeText(grammar, (below) => {
      state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
      return Math.floor((state / 2 ** 31) * below);
    });
    return JSON.parse(text) as unknown;
  });
}

describe('a schema', () => {
  it.each([
    ['nullable', { nullable: true, allOf: [{ $ref: '#' }] }],
    ['one of two types', { type: ['object', 'null'], allOf: [{ $ref: '#' }] }],
  ])('may contain itself as a part that is %s', (_, next) => {
    const schema = { type: ['object', 'null'], properties: { next }, required: ['next'] };
    const values = valuesOf(schema);
    for (const value of values) expect(problems(schema, value)).toEqual([]);
    expect(values.some((value) => value !== null)).toBe(true);
  });

  it('lists only values of its type, which are believed when none is', () => {
    expect(new Set(valuesOf({ type: 'string', enum: ['a', 1, null] }))).toEqual(new Set(['a']));
    expect(new Set(valuesOf({ type: ['integer', 'null'], enum: ['a', 1, null, 1.5] }))).toEqual(
      new Set([1, null]),
    );
    expect(new Set(valuesOf({ type: 'boolean', enum: ['yes'] }))).toEqual(new Set(['yes']));
  });

  it('may name a definition with characters that URIs escape', () => {
    const $defs = { 'a b/c': { const: 1 }, '50%': { const: 2 } };
    expect(valuesOf({ $ref: '#/$defs/a%20b~1c', $defs })[0]).toBe(1);
    expect(valuesOf({ $ref: '#/$defs/50%', $defs })[0]).toBe(2);
  });
});
