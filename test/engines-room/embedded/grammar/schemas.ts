/** Random schemas whose every keyword the grammar can hold. */
import fc from 'fast-check';

export type Schema = Record<string, unknown>;

const names = fc.constantFrom(
  'a',
  'city',
  'with "quotes"',
  'naïve 日本',
  'x\\y',
  'line\nbreak',
  '__proto__',
  '',
);
const scalars = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null), fc.constant(1.5));

const bounds = (what: 'Length' | 'Items'): fc.Arbitrary<Schema> =>
  fc.record({ min: fc.nat(3), extra: fc.nat(3) }, { requiredKeys: [] }).map(({ min, extra }) => ({
    ...(min === undefined ? {} : { [`min${what}`]: min }),
    ...(extra === undefined ? {} : { [`max${what}`]: (min ?? 0) + extra }),
  }));

const { schema } = fc.letrec<{ schema: Schema; object: Schema; array: Schema; leaf: Schema }>((tie) => ({
  leaf: fc.oneof(
    fc.constantFrom<Schema>(
      {},
      { type: 'integer' },
      { type: 'number' },
      { type: 'boolean' },
      { type: 'null' },
    ),
    fc.constantFrom<Schema>({ $ref: '#/$defs/one' }, { $ref: '#/$defs/two', description: 'itself, maybe' }),
    bounds('Length').map((found) => ({ type: 'string', ...found })),
    scalars.map((value) => ({ const: value })),
    fc.array(scalars, { minLength: 1, maxLength: 4 }).map((values) => ({ enum: values })),
    fc
      .uniqueArray(fc.constantFrom('string', 'integer', 'null', 'object', 'array'), { minLength: 1 })
      .map((type) => ({ type })),
  ),
  object: fc
    .tuple(
      fc.uniqueArray(fc.tuple(names, tie('schema'), fc.boolean()), {
        maxLength: 5,
        selector: ([name]) => name,
      }),
      fc.oneof(fc.constantFrom<unknown>(undefined, true, false), tie('schema')),
    )
    .map(([properties, extra]) => ({
      type: 'object',
      properties: Object.fromEntries(properties.map(([name, part]) => [name, part])),
      required: properties.filter(([, , isRequired]) => isRequired).map(([name]) => name),
      ...(extra === undefined ? {} : { additionalProperties: extra }),
    })),
  array: fc
    .tuple(bounds('Items'), tie('schema'), fc.array(tie('schema'), { maxLength: 2 }))
    .map(([found, items, prefix]) => ({
      type: 'array',
      ...found,
      items,
      ...(prefix.length === 0 ? {} : { prefixItems: prefix }),
    })),
  schema: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    tie('leaf'),
    tie('object'),
    tie('array'),
    fc.array(tie('schema'), { minLength: 1, maxLength: 3 }).map((anyOf) => ({ anyOf })),
    fc.array(tie('schema'), { minLength: 1, maxLength: 2 }).map((oneOf) => ({ oneOf, title: 'either' })),
    tie('object').map((object) => ({ allOf: [object], description: 'one part' })),
    tie('leaf').map((leaf) => ({ ...leaf, nullable: true })),
  ),
}));

/** With two definitions that may refer to each other and to themselves. */
export const schemas: fc.Arbitrary<Schema> = fc
  .tuple(schema, schema, schema)
  .map(([root, one, two]) => ({ ...root, $defs: { one, two } }));
