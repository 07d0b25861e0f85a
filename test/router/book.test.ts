import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Booking, WorkerBook } from '../../src/router/book.js';

const none = new BigUint64Array(0);
/** Hashes that name a block with all before it. */
const chain = (steps: readonly bigint[]): BigUint64Array =>
  BigUint64Array.from(steps, (_, at) => steps.slice(0, at + 1).reduce((hash, step) => hash * 3n + step, 1n));

describe('load book', () => {
  it('counts prefill until the first token and blocks as output grows', () => {
    const book = new WorkerBook();
    const booking = book.book({
      promptTokens: 100,
      uncachedTokens: 36,
      outputTokens: 40,
      blockTokens: 16,
      sequence: none,
    });
    expect(book.load()).toEqual({ activeRequests: 1, prefillTokens: 36, decodeBlocks: 7, waiting: 0 });
    expect(book.committedBlocks).toBe(9);
    booking.releasePrefill();
    expect(book.prefillTokens).toBe(0);
    expect(booking.grow(12)).toBe(false);
    expect(booking.grow(1)).toBe(true);
    expect(book.decodeBlocks).toBe(8);
    booking.grow(64);
    expect([book.decodeBlocks, book.committedBlocks]).toEqual([12, 12]);
  });

  it('counts blocks that running prompts share once, until the last of them is over', () => {
    const book = new WorkerBook();
    const request = { promptTokens: 70, uncachedTokens: 70, outputTokens: 20, blockTokens: 16 };
    const first = book.book({ ...request, sequence: chain([1n, 2n, 3n, 4n]) });
    expect([book.decodeBlocks, book.committedBlocks]).toEqual([5, 6]);
    const second = book.book({ ...request, sequence: chain([1n, 2n, 3n, 5n]) });
    expect([book.decodeBlocks, book.committedBlocks]).toEqual([7, 9]);
    first.release();
    expect([book.decodeBlocks, book.committedBlocks]).toEqual([5, 6]);
    second.release();
    expect([book.decodeBlocks, book.committedBlocks]).toEqual([0, 0]);
  });

  it('bookings always return to zero, in whatever order and however often they are ended', () => {
    const request = fc.record({
      promptTokens: fc.nat(5_000),
      uncachedTokens: fc.nat(5_000),
      outputTokens: fc.nat(2_000),
      blockTokens: fc.constantFrom(1, 16, 64),
      sequence: fc.array(fc.constantFrom(1n, 2n), { maxLength: 4 }).map(chain),
    });
    const action = fc.record({
      at: fc.nat(30),
      what: fc.constantFrom('first', 'grow', 'release', 'book'),
      tokens: fc.integer({ min: -5, max: 500 }),
    });
    fc.assert(
      fc.property(
        fc.array(request, { minLength: 1, maxLength: 12 }),
        fc.array(action, { maxLength: 120 }),
        (requests, actions) => {
          const book = new WorkerBook();
          const bookings: Booking[] = [];
          for (const { at, what, tokens } of actions) {
            const booking = bookings[at % Math.max(1, bookings.length)];
            if (what === 'book')
              bookings.push(book.book(requests[at % requests.length] as (typeof requests)[number]));
            else if (what === 'first') booking?.releasePrefill();
            else if (what === 'grow') booking?.grow(tokens);
            else booking?.release();
            expect(
              Math.min(book.prefillTokens, book.decodeBlocks, book.activeRequests),
            ).toBeGreaterThanOrEqual(0);
            expect(book.committedBlocks).toBeGreaterThanOrEqual(book.decodeBlocks);
          }
          for (const booking of bookings) booking.release();
          expect([book.activeRequests, book.prefillTokens, book.decodeBlocks, book.committedBlocks]).toEqual([
            0, 0, 0, 0,
          ]);
        },
      ),
      { numRuns: 300 },
    );
  });
});
