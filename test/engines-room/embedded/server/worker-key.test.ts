import { describe, expect, it } from 'vitest';
import { isAllowed } from '../../../../src/engines/embedded/server/worker-key.js';

const ask = (authorization: string | undefined, url = '/v1/models') => ({
  url,
  headers: authorization === undefined ? {} : { authorization },
});

describe('the key of a worker', () => {
  it('opens every route, and only /health is open without it', () => {
    expect(isAllowed(ask('Bearer k'), 'k')).toBe(true);
    expect(isAllowed(ask(undefined, '/health'), 'k')).toBe(true);
    for (const url of ['/v1/models', '/metrics', '/health/', '/health?x', '//health'])
      expect(isAllowed(ask(undefined, url), 'k'), url).toBe(false);
    for (const given of ['', 'Bearer', 'Bearer ', 'Bearer kk', 'bearer k', 'k', 'Bearer K'])
      expect(isAllowed(ask(given), 'k'), given).toBe(false);
  });

  it('is not asked for where there is none', () => {
    expect(isAllowed(ask(undefined), undefined)).toBe(true);
    expect(isAllowed(ask(undefined), '')).toBe(true);
  });
});
