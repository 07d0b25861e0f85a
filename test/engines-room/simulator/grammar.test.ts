import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  callGrammar,
  choiceGrammar,
  schemaGrammar,
} from '../../../src/engines/embedded/grammar/json-schema-to-gbnf.js';
import { parseGrammar } from '../../../src/engines/simulator/grammar-reader.js';
import { shortestText } from '../../../src/engines/simulator/grammar-writer.js';
import { depths, parseGrammar as referenceGrammar } from '../embedded/grammar/gbnf.js';
import { schemas } from '../embedded/grammar/schemas.js';
import { problems } from '../embedded/grammar/validate.js';

const written = (grammar: string) => shortestText(parseGrammar(grammar));

describe('the shortest text of a grammar', () => {
  it('is valid under the schema the grammar is of', () => {
    fc.assert(
      fc.property(schemas, (schema) => {
        const grammar = schemaGrammar(schema);
        fc.pre(depths(referenceGrammar(grammar)).get('root') !== Number.POSITIVE_INFINITY);
        expect(problems(schema, JSON.parse(written(grammar)))).toEqual([]);
      }),
      { numRuns: 400 },
    );
  });

  it('of a call names a tool and has its required arguments', () => {
    const parameters = {
      type: 'object',
      properties: {
        city: { type: 'string', minLength: 2 },
        days: { type: 'integer' },
        unit: { enum: ['C', 'F'] },
      },
      required: ['city', 'unit'],
    };
    expect(JSON.parse(written(callGrammar([{ name: 'weather', parameters }])))).toEqual({
      name: 'weather',
      arguments: { city: 'aa', unit: 'C' },
    });
  });

  it('of a choice is one of its texts', () => {
    expect(['yes', 'no, "never"']).toContain(written(choiceGrammar(['yes', 'no, "never"'])));
  });

  it.each([
    '',
    'root ::= root',
    'root ::= missing',
    'root ::= "open',
    'root ::= ("a"',
    'root ::= [a',
    'nonsense',
  ])('of %j is refused', (grammar) => {
    expect(() => written(grammar)).toThrow(/grammar cannot be read/);
  });

  it('is bounded', () => {
    expect(() => written('root ::= a{1000000000}\na ::= "x"{1000}')).toThrow(/grammar cannot be read/);
  });
});
