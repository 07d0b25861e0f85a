import fc from 'fast-check';
import { expect, test } from 'vitest';
import { editDistance, nearestNames } from '../src/nearest.js';

test('the distance is a metric: zero only for equals, symmetric, never longer than a detour', () => {
  const word = fc.string({ maxLength: 8 });
  fc.assert(
    fc.property(word, word, word, (a, b, c) => {
      expect(editDistance(a, b) === 0).toBe(a === b);
      expect(editDistance(a, b)).toBe(editDistance(b, a));
      expect(editDistance(a, c)).toBeLessThanOrEqual(editDistance(a, b) + editDistance(b, c));
    }),
  );
});

test('one slip away is found, nearest first, at most three', () => {
  expect(nearestNames('smolm2', ['glm5', 'smollm', 'smollm2', 'smollm2-135m'])[0]).toBe('smollm2');
  expect(nearestNames('aaa', ['aab', 'aac', 'aad', 'aae'])).toHaveLength(3);
  expect(nearestNames('zzzzzz', ['smollm2', 'glm5'])).toEqual([]);
});
