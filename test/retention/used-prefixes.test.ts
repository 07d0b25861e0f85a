import { describe, expect, it } from 'vitest';
import { UsedPrefixes } from '../../src/retention/used-prefixes.js';

const BLOCK = 4;
/** A prompt of blocks by name; a block's tokens and hash are made of the name. */
const prompt = (blocks: number[], salt?: string) => ({
  tokens: Uint32Array.from(
    blocks.flatMap((block) => Array.from({ length: BLOCK }, (_, at) => block * BLOCK + at)),
  ),
  localHashes: BigUint64Array.from(blocks, (block) => BigInt(block)),
  blockTokens: BLOCK,
  ...(salt === undefined ? {} : { salt }),
});
const run = (from: number, count: number): number[] => Array.from({ length: count }, (_, at) => from + at);
const book = () => new UsedPrefixes({ countMax: 3, tokensMax: 100 * BLOCK });

describe('what conversations begin with', () => {
  it('is what they have in common, counted', () => {
    const used = book();
    used.began(prompt([...run(0, 20), 901, 902]));
    used.began(prompt([...run(0, 20), 903]));
    used.began(prompt(run(500, 12)));
    const [first, second] = used.top(8);
    expect([first?.uses, first?.tokens.length]).toEqual([2, 20 * BLOCK]);
    expect([second?.uses, second?.tokens.length]).toEqual([1, 12 * BLOCK]);
    expect(used.top(1)).toHaveLength(1);
  });

  it('does not shrink for one that only begins alike', () => {
    const used = book();
    used.began(prompt(run(0, 40)));
    used.began(prompt([...run(0, 10), ...run(700, 30)]));
    expect(used.top(8).map(({ tokens }) => tokens.length)).toEqual([40 * BLOCK, 40 * BLOCK]);
  });

  it('forgets the least used of too many, passes over short ones and cuts long ones', () => {
    const used = book();
    for (let n = 0; n < 2; n++) used.began(prompt(run(0, 20)));
    for (let n = 1; n <= 4; n++) used.began(prompt(run(n * 1_000, 200)));
    used.began(prompt(run(9_000, 7)));
    expect(used.top(8)).toHaveLength(3);
    expect(used.top(8)[0]?.uses).toBe(2);
    expect(used.top(8)[1]?.tokens.length).toBe(100 * BLOCK);
  });

  it('keeps the salt that set it apart', () => {
    const used = book();
    used.began(prompt(run(0, 10), 'tenant'));
    expect(used.top(1)[0]).toMatchObject({ salt: 'tenant' });
  });
});
