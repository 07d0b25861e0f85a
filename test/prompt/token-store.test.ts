import { expect, it } from 'vitest';
import { type StoredTokens, stored, withTokens } from '../../src/prompt/token-store.js';

const list = ({ tokens }: StoredTokens): number[] => [...tokens];

it('a turn is written behind what it shares with the turn before', () => {
  const first = stored(Uint32Array.of(1, 2, 3));
  const second = withTokens(first, 2, Uint32Array.of(4, 5, 6, 7, 8, 9));
  expect(list(second)).toEqual([1, 2, 4, 5, 6, 7, 8, 9]);
  const third = withTokens(second, 7, Uint32Array.of(10));
  expect(list(third)).toEqual([1, 2, 4, 5, 6, 7, 8, 10]);
  // In the same memory.
  expect(third.tokens.buffer).toBe(second.tokens.buffer);
  expect(list(first)).toEqual([1, 2, 3]);
});

it('a second turn from the same place leaves the first one as it is', () => {
  const first = withTokens(stored(Uint32Array.of(1, 2, 3)), 3, Uint32Array.of(4, 5, 6, 7));
  const one = withTokens(first, 6, Uint32Array.of(8, 9));
  const other = withTokens(first, 6, Uint32Array.of(10));
  expect(list(one)).toEqual([1, 2, 3, 4, 5, 6, 8, 9]);
  expect(list(other)).toEqual([1, 2, 3, 4, 5, 6, 10]);
});

it('many tokens have room for their first turn', () => {
  const first = stored(Uint32Array.from({ length: 20_000 }, (_, at) => at));
  expect(first.tokens).toHaveLength(20_000);
  const next = withTokens(first, 19_999, Uint32Array.of(1, 2, 3));
  expect(next.tokens.buffer).toBe(first.tokens.buffer);
  expect([...next.tokens.subarray(19_997)]).toEqual([19_997, 19_998, 1, 2, 3]);
});
