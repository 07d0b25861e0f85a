import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Booking, WorkerBook } from '../../src/router/book.js';

describe('load book', () => {
  it('counts prefill until the first token and blocks as output grows', () => {
    const book = new WorkerBook();
    const booking = book.book({ promptTokens: 100, uncachedTokens: 36, outputTokens: 40, blockTokens: 16 });
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

  it('bookings always return to zero, in whatever order and however often they are ended', () => {
    const request = fc.record({
      promptTokens: fc.nat(5_000),
      uncachedTokens: fc.nat(5_000),
      outputTokens: fc.nat(2_000),
      blockTokens: fc.constantFrom(1, 16, 64),
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
