import { describe, expect, it } from 'vitest';
import { PromiseBook } from '../../src/retention/promise-book.js';

const promised = (key: string, over: Partial<{ worker: string; until: number; kvBlocks: number }> = {}) => ({
  key,
  worker: 'w0',
  until: 300_000,
  kvBlocks: 1_000,
  ...over,
});

describe('a promised lifetime', () => {
  it('is touched before half of its worker’s memory went by, however long that takes', () => {
    const book = new PromiseBook<string>(10);
    book.made(promised('a'), 0);
    book.passed('w0', 499);
    book.passed('w1', 10_000);
    expect(book.due(200_000)).toEqual([]);
    book.passed('w0', 1);
    expect(book.due(200_000)).toEqual(['a']);
    expect(book.due(200_000)).toEqual([]);
  });

  it('is touched by time where a worker does not say how large it is', () => {
    const book = new PromiseBook<string>(10);
    book.made(promised('a', { kvBlocks: 0 }), 0);
    expect(book.due(99_000)).toEqual([]);
    expect(book.due(100_000)).toEqual(['a']);
    expect(book.due(199_000)).toEqual([]);
    expect(book.due(200_000)).toEqual(['a']);
  });

  it('starts anew with each use, and is over once', () => {
    const book = new PromiseBook<string>(10);
    book.made(promised('a'), 0);
    book.passed('w0', 600);
    book.made(promised('a', { until: 400_000 }), 100_000);
    expect(book.due(100_000)).toEqual([]);
    expect(book.ended(399_999)).toEqual([]);
    book.passed('w0', 600);
    expect(book.due(400_000)).toEqual([]);
    expect(book.ended(400_000)).toEqual(['a']);
    expect(book.ended(500_000)).toEqual([]);
  });

  it('of too many, the one that ends first is looked after no longer', () => {
    const book = new PromiseBook<string>(2);
    book.made(promised('long', { until: 900 }), 0);
    book.made(promised('short', { until: 100 }), 0);
    book.made(promised('other', { until: 500 }), 0);
    expect(book.ended(1_000).sort()).toEqual(['long', 'other']);
  });
});
