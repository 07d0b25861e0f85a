import fc from 'fast-check';
import { expect, it } from 'vitest';
import { GrownLists } from '../../src/request/grown-list.js';

const ITEMS = Array.from({ length: 6 }, (_, n) => ({ n }));
const lists = fc.array(fc.array(fc.constantFrom(...ITEMS), { maxLength: 8 }), { maxLength: 12 });

it('knows only beginnings it was told of, and the longest of the last ones', () => {
  let found = 0;
  fc.assert(
    fc.property(lists, (all) => {
      const known = new GrownLists<object, string>();
      const told = new Map<object, readonly { n: number }[]>();
      const nameOf = (items: readonly { n: number }[]): string => items.map(({ n }) => n).join();
      for (const list of all) {
        const result = known.find(list);
        const possible = [...told.values()].filter(
          (items) => nameOf(list.slice(0, items.length)) === nameOf(items),
        );
        const longest = Math.max(0, ...possible.map(({ length }) => length));
        expect(result?.count ?? 0).toBe(longest);
        expect(result?.made ?? '').toBe(nameOf(list.slice(0, longest)));
        if (result !== null) found += 1;
        known.keep(list, list.length, nameOf(list));
        // One list a last item: the newest.
        const last = list.at(-1);
        if (last !== undefined) told.set(last, list);
      }
    }),
  );
  expect(found).toBeGreaterThan(10);
});

it('looks no further back than a turn may be long', () => {
  const known = new GrownLists<object, number>();
  known.keep(ITEMS, ITEMS.length, 1);
  const added = (count: number) => [...ITEMS, ...Array.from({ length: count }, () => ({}))];
  expect(known.find(added(63))?.count).toBe(ITEMS.length);
  expect(known.find(added(64))).toBeNull();
  expect(known.find([])).toBeNull();
});
