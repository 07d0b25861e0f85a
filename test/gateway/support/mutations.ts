/** Bodies with one place changed: what a careless or hostile client sends. */
import fc from 'fast-check';

const ODD: unknown[] = [-1, 0, 1e308, 2 ** 53, '', 'x'.repeat(300), [], {}, [[]], [null], null, true, 'none'];

/** A body with one place replaced, added or removed. */
export function mutationsOf(body: Record<string, unknown>): fc.Arbitrary<unknown> {
  return fc
    .record({
      place: fc.constantFrom(...placesOf(body)),
      what: fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.constant(undefined), fc.constantFrom(...ODD)),
    })
    .map(({ place, what }) => replaced(body, place, what));
}

function placesOf(value: unknown, at: (string | number)[] = []): (string | number)[][] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => [[...at, key], ...placesOf(inner, [...at, key])]);
}

function replaced(value: unknown, [key, ...rest]: (string | number)[], what: unknown): unknown {
  if (key === undefined) return what;
  const copy = (Array.isArray(value) ? [...value] : { ...(value as object) }) as Record<string, unknown>;
  copy[key] = replaced(copy[key], rest, what);
  return copy;
}
