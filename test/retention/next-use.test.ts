import { describe, expect, it } from 'vitest';
import { GONE_MS, NextUseBook } from '../../src/retention/next-use.js';

function bookWithGaps(gaps: number[]): { book: NextUseBook<string>; now: number } {
  const book = new NextUseBook<string>();
  let now = 0;
  book.started('s', now);
  for (const gap of gaps) {
    book.ended('s', now);
    now += gap;
    book.started('s', now);
  }
  book.ended('s', now);
  return { book, now };
}

describe('NextUseBook', () => {
  it('expects a conversation at once while a request of it runs', () => {
    const book = new NextUseBook<string>();
    book.started('s', 0);
    expect(book.remaining('s', 50)).toBe(0);
  });

  it('expects what is left of the pauses that are longer than the present one', () => {
    const { book, now } = bookWithGaps([1_000, 5_000]);
    // Gaps of its own and of all are the same here.
    expect(book.remaining('s', now)).toBeCloseTo(3_000);
    expect(book.remaining('s', now + 2_000)).toBeCloseTo(3_000);
  });

  it('gives up one that is silent longer than ever, the longer the more', () => {
    const { book, now } = bookWithGaps([1_000]);
    expect(book.remaining('s', now + 1_500)).toBe(GONE_MS + 1_500);
    expect(book.remaining('s', now + 2_500)).toBeGreaterThan(book.remaining('s', now + 1_500));
    expect(book.remaining('nobody', now)).toBe(GONE_MS);
  });

  it('weighs the pauses of the conversation over those of others', () => {
    const { book, now } = bookWithGaps([4_000]);
    book.started('t', now);
    book.ended('t', now);
    book.started('t', now + 1_000);
    // Own 4,000 three times and once among all; the other's 1,000 once.
    expect(book.remaining('s', now)).toBeCloseTo((4 * 4_000 + 1_000) / 5);
  });

  it('forgets the longest untouched when it is full, never one that runs', () => {
    const book = new NextUseBook<number>(2);
    book.started(0, 0);
    book.started(1, 1);
    book.ended(1, 2);
    book.started(2, 3);
    expect(book.remaining(0, 4)).toBe(0);
    expect(book.remaining(1, 4)).toBe(GONE_MS);
  });
});
