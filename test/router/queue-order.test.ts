import { describe, expect, it } from 'vitest';
import { isTagged, type Ordered, type QueueOrder, tryOrder, WINDOW } from '../../src/router/queue-order.js';

interface Named extends Ordered {
  id: string;
}

let arrivals = 0;
const one = (id: string, workMs: number, more: { since?: number; priority?: number } = {}): Named => ({
  id,
  workMs,
  since: more.since ?? 0,
  arrival: arrivals++,
  input: { strictPriority: 0, priority: more.priority ?? 0 },
});

function order(waiting: Named[], by: QueueOrder, now = 0, may = (_: Named): boolean => true): string {
  const classes = {
    tagged: waiting.filter(isTagged),
    others: waiting.filter((each) => !isTagged(each)),
  };
  return tryOrder(classes, { order: by, now, ageMs: 10_000, may })
    .map(({ id }) => id)
    .join('');
}

describe('the order waiting requests are tried in', () => {
  it('is by the least prompt left to compute, or by arrival, or by weight', () => {
    const waiting = [one('a', 300), one('b', 100), one('c', 200)];
    expect(order(waiting, 'shortest')).toBe('bca');
    expect(order(waiting, 'fcfs')).toBe('abc');
    expect(order(waiting, 'lcfs')).toBe('cba');
    expect(order(waiting, 'wspt')).toBe('bca');
  });

  it('lets waiting count in favour of long prompts, and puts who waited long first', () => {
    const waiting = [one('a', 300, { since: 0 }), one('b', 100, { since: 3_000 })];
    expect(order(waiting, 'shortest', 3_000)).toBe('ab');
    const old = [one('b', 10, { since: 9_999 }), one('a', 9_000, { since: 0 })];
    expect(order(old, 'shortest', 10_001)).toBe('ab');
  });

  it('puts a priority before everything else', () => {
    const waiting = [one('a', 1), one('b', 900, { priority: 5 }), one('c', 900, { priority: 9 })];
    for (const by of ['shortest', 'fcfs', 'lcfs', 'wspt'] as const) expect(order(waiting, by)[0]).toBe('c');
  });

  it('looks at the head of each class only, so that a flood of one does not hide the other', () => {
    const flood = Array.from({ length: WINDOW * 2 }, () => one('.', 1));
    const found = order([...flood, one('x', 1, { priority: 1 })], 'shortest');
    expect(found).toHaveLength(WINDOW + 1);
    expect(found[0]).toBe('x');
  });

  it('looks past those that are held back', () => {
    const held = Array.from({ length: WINDOW * 2 }, () => one('.', 1));
    const found = order([...held, one('x', 1)], 'shortest', 0, ({ id }) => id !== '.');
    expect(found).toBe('x');
  });
});
