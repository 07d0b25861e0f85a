/** Kept responses stay within their bounds, whatever comes. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ResponseStore } from '../../src/gateway/response-store.js';

const kept = (id: string, size: number) => ({
  id,
  isStored: true,
  response: { text: 'x'.repeat(size) },
  inputItems: [],
  messages: [],
});

describe('the store', () => {
  it('drops the least recently used', () => {
    const store = new ResponseStore({ countMax: 2 });
    for (const id of ['a', 'b']) store.put(kept(id, 1));
    store.get('a');
    store.put(kept('c', 1));
    expect([store.get('a')?.id, store.get('b'), store.get('c')?.id]).toEqual(['a', undefined, 'c']);
  });

  it('counts its bytes exactly through puts, gets and deletes', () => {
    const step = fc.record({
      what: fc.constantFrom('put', 'get', 'delete'),
      id: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
      size: fc.integer({ min: 0, max: 400 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const store = new ResponseStore({ countMax: 4, bytesMax: 1_000 });
        for (const { what, id, size } of steps) {
          if (what === 'put') store.put(kept(id, size));
          else if (what === 'get') store.get(id);
          else store.delete(id);
          expect(store.size).toBeLessThanOrEqual(4);
          expect(store.bytes).toBeLessThanOrEqual(1_000);
        }
        for (const id of 'abcdef') store.delete(id);
        expect([store.size, store.bytes]).toEqual([0, 0]);
      }),
    );
  });
});
