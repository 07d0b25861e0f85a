import { describe, expect, it } from 'vitest';
import type { Region } from '../../src/prompt/types.js';
import type { CommonRequest } from '../../src/request/types.js';
import { cacheWrites, hasMarks } from '../../src/retention/cache-writes.js';

const REGIONS: Region[] = [
  { kind: 'system', start: 0, end: 100, message: 0 },
  { kind: 'tools', start: 100, end: 300, message: -1 },
  { kind: 'conversation', start: 300, end: 400, message: 1 },
];
const HOUR = 3_600;
const request = (ttls: { system?: number; tools?: number; user?: number; whole?: number }): CommonRequest => {
  const mark = (ttlSeconds: number | undefined) =>
    ttlSeconds === undefined ? {} : { cache: { ttlSeconds } };
  return {
    input: {
      kind: 'chat',
      messages: [
        { role: 'system', blocks: [{ type: 'text', text: 's', ...mark(ttls.system) }] },
        { role: 'user', blocks: [{ type: 'text', text: 'u', ...mark(ttls.user) }] },
      ],
    },
    tools: [{ name: 't', parameters: {}, ...mark(ttls.tools) }],
    hints: ttls.whole === undefined ? {} : { cacheControl: { ttlSeconds: ttls.whole } },
  } as unknown as CommonRequest;
};
const writes = (ttls: Parameters<typeof request>[0], cachedTokens: number) =>
  cacheWrites(request(ttls), REGIONS, { promptTokens: 410, cachedTokens });

describe('what a request wrote into the cache', () => {
  it.each([
    ['nothing is marked', {}, 0, { short: 0, long: 0 }],
    ['the end of the conversation is', { user: 300 }, 0, { short: 400, long: 0 }],
    ['part of it had been read', { user: 300 }, 320, { short: 80, long: 0 }],
    ['all of it had been read', { user: 300 }, 400, { short: 0, long: 0 }],
    [
      'the tools are for an hour, the rest for less',
      { tools: HOUR, user: 300 },
      0,
      { short: 100, long: 300 },
    ],
    ['of an hour only the end was new', { system: HOUR, user: 300 }, 90, { short: 300, long: 10 }],
    ['the longer lifetime is the later mark', { system: 300, user: HOUR }, 0, { short: 0, long: 400 }],
    ['the whole request is', { whole: 300 }, 200, { short: 210, long: 0 }],
  ])('when %s', (_when, ttls, cachedTokens, expected) => {
    expect(writes(ttls, cachedTokens)).toEqual(expected);
    expect(hasMarks(request(ttls))).toBe(Object.keys(ttls).length > 0);
  });
});
