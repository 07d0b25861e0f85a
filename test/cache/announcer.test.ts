import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Announcer } from '../../src/cache/announcer.js';
import type { PageFacts, PageTier } from '../../src/cache/types.js';
import { createBlockIndex } from '../../src/router/index/create-index.js';
import { chain } from './pages.js';

/** An announcer over the real index, as a worker that holds nothing itself is told. */
function rig() {
  const index = createBlockIndex();
  const lane = index.addLane(0);
  const refused: bigint[] = [];
  const announcer = new Announcer({
    stored: (tier, parent, keys, locals) => {
      if (!index.store(lane, tier, parent ?? 0n, keys, locals)) refused.push(...keys);
    },
    removed: (tier, keys) => index.remove(lane, tier, keys),
  });
  const held = (pages: readonly PageFacts[]) => {
    index.match(BigUint64Array.from(pages, ({ localHash }) => localHash));
    return { cpu: index.answer[lane * 4 + 1]!, disk: index.answer[lane * 4 + 2]! };
  };
  return { announcer, refused, held };
}

const entries = (tier: PageTier, pages: readonly PageFacts[]) => pages.map((page) => ({ tier, page }));

describe('what lies in the tiers, told to the index', () => {
  it('holds back a page that was written before the one above it', () => {
    const { announcer, refused, held } = rig();
    const pages = chain(4);
    announcer.stored(entries('cpu', [pages[1]!, pages[3]!]));
    expect(held(pages)).toEqual({ cpu: 0, disk: 0 });
    announcer.stored(entries('cpu', [pages[2]!, pages[0]!]));
    expect(held(pages)).toEqual({ cpu: 4, disk: 0 });
    expect(refused).toEqual([]);
  });

  it('forgets a page that left its tier before it could be told', () => {
    const { announcer, held } = rig();
    const pages = chain(3);
    announcer.stored(entries('cpu', pages.slice(1)));
    announcer.removed('cpu', pages[2]!);
    announcer.stored(entries('cpu', pages.slice(0, 1)));
    expect(held(pages)).toEqual({ cpu: 2, disk: 0 });
  });

  it('takes a page back that left and came again, with what lies below it', () => {
    const { announcer, refused, held } = rig();
    const pages = chain(3);
    announcer.stored(entries('cpu', pages));
    announcer.removed('cpu', pages[1]!);
    expect(held(pages)).toEqual({ cpu: 1, disk: 0 });
    announcer.stored(entries('cpu', [pages[1]!]));
    expect(held(pages)).toEqual({ cpu: 3, disk: 0 });
    expect(refused).toEqual([]);
  });

  it('says the same whatever order two tiers were written in', () => {
    const pages = chain(6);
    const all = [...entries('cpu', pages.slice(0, 4)), ...entries('disk', pages)];
    fc.assert(
      fc.property(fc.shuffledSubarray(all, { minLength: all.length }), fc.nat(all.length), (order, cut) => {
        const { announcer, refused, held } = rig();
        announcer.stored(order.slice(0, cut));
        announcer.stored(order.slice(cut));
        expect(held(pages)).toEqual({ cpu: 4, disk: 2 });
        expect(refused).toEqual([]);
      }),
    );
  });
});
