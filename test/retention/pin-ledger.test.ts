import { expect, it } from 'vitest';
import { PinLedger } from '../../src/retention/pin-ledger.js';

const pin = (owner: string, tokens: number, until = 1_000) => ({ key: 'k', owner, tokens, until });

it('a key is promised up to its share, by conversation, and again when something is over', () => {
  const ledger = new PinLedger();
  expect(ledger.enter(pin('a', 600), 1_000, 0)).toBe(true);
  expect(ledger.enter(pin('b', 500), 1_000, 0)).toBe(false);
  // A conversation's next turn takes the place of its last.
  expect(ledger.enter(pin('a', 900, 2_000), 1_000, 0)).toBe(true);
  expect(ledger.held('k', 0)).toBe(900);
  expect(ledger.enter({ ...pin('b', 500), key: 'other' }, 1_000, 0)).toBe(true);
  expect(ledger.enter(pin('b', 500, 3_000), 1_000, 2_000)).toBe(true);
  expect(ledger.held('k', 2_000)).toBe(500);
});
