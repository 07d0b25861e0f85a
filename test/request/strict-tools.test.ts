import { describe, expect, it } from 'vitest';
import { isStrictable, withStrictTools } from '../../src/request/strict-tools.js';
import type { CommonRequest, Tool } from '../../src/request/types.js';

const object = (properties: Record<string, unknown>, more: object = {}) => ({
  type: 'object',
  properties,
  ...more,
});

describe('a schema is held to', () => {
  it.each([
    ['no arguments', object({})],
    [
      'plain ones',
      object({ a: { type: 'string' }, b: { type: ['integer', 'null'], minimum: 1 } }, { required: ['a'] }),
    ],
    [
      'lists, enums and references',
      object(
        { a: { type: 'array', items: { $ref: '#/$defs/x' } }, b: { enum: ['x', 'y'] } },
        { $defs: { x: object({ c: { const: 1 } }) } },
      ),
    ],
    [
      'a map that says what is in it',
      object({ a: { type: 'object', additionalProperties: { type: 'string' } } }),
    ],
    ['anything at all', object({ a: {}, b: { description: 'any JSON' } })],
    ['alternatives', object({ a: { anyOf: [{ type: 'string', format: 'uri' }, { type: 'null' }] } })],
    ['a property called like a keyword', object({ not: { type: 'string' }, if: { type: 'string' } })],
  ])('%s', (_name, schema) => {
    expect(isStrictable(schema)).toBe(true);
  });
});

describe('a schema is left to the model', () => {
  it.each([
    ['an object of anything, which would always be empty', object({ a: { type: 'object' } })],
    ['a list of anything', object({ a: { type: 'array' } })],
    ['arguments of any name', { type: 'object' }],
    ['no object', { type: 'string' }],
    ['words grammars lack', object({ a: { type: 'array', items: { type: 'string' }, uniqueItems: true } })],
    ['words grammars lack, deep inside', object({ a: { anyOf: [object({ b: { not: {} } })] } })],
    ['formats they do not know', object({ a: { type: 'string', format: 'color' } })],
    ['patterns that look ahead', object({ a: { type: 'string', pattern: '^(?!x)' } })],
    ['references to elsewhere', object({ a: { $ref: 'https://example.com/schema' } })],
    ['nonsense', object({ a: 7 })],
    ['a format with no toString', object({ a: { format: { toString: 1 } } })],
  ])('%s', (_name, schema) => {
    expect(isStrictable(schema)).toBe(false);
  });

  it('one nested without end, without losing itself', () => {
    let schema: Record<string, unknown> = { type: 'string' };
    for (let depth = 0; depth < 5_000; depth += 1) schema = { anyOf: [schema] };
    expect(isStrictable(object({ a: schema }))).toBe(false);
  });
});

it('tools are marked unless their client spoke; the request is not touched', () => {
  const tool = (name: string, more: Partial<Tool> = {}): Tool => ({ name, parameters: object({}), ...more });
  const tools = [tool('a'), tool('b', { strict: false }), tool('c', { parameters: { type: 'object' } })];
  const request = { tools } as CommonRequest;
  expect(withStrictTools(request).tools.map(({ strict }) => strict)).toEqual([true, false, undefined]);
  expect(request.tools[0]?.strict).toBeUndefined();
  const spoken = { tools: [tool('a', { strict: true })] } as CommonRequest;
  expect(withStrictTools(spoken)).toBe(spoken);
});
