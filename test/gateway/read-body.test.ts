/** Bodies that come slowly or not at all. */

import type { IncomingMessage } from 'node:http';
import { PassThrough } from 'node:stream';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { readJson } from '../../src/gateway/read-body.js';

afterEach(() => vi.useRealTimers());

const incoming = (headers: Record<string, string> = {}) =>
  Object.assign(new PassThrough(), { headers }) as unknown as IncomingMessage & PassThrough;

describe('a body', () => {
  it('in many pieces is read whole', async () => {
    const request = incoming();
    const read = readJson(request, { bytesMax: 100 });
    for (const byte of Buffer.from('{"ä":"€"}')) request.write(Buffer.from([byte]));
    request.end();
    expect(await read).toEqual({ ä: '€' });
  });

  it('that never ends is given up in time', async () => {
    vi.useFakeTimers();
    const request = incoming();
    const read = readJson(request, { bytesMax: 100, timeoutMs: 1_000 });
    const failed = expect(read).rejects.toMatchObject({ code: 'request_timeout', status: 408 });
    request.write('{"a":');
    await vi.advanceTimersByTimeAsync(1_000);
    await failed;
    expect(request.listenerCount('data')).toBe(0);
  });

  it('whose sender leaves is no JSON error', async () => {
    const request = incoming();
    const read = readJson(request, { bytesMax: 100 });
    const failed = expect(read).rejects.toMatchObject({ code: 'client_closed' });
    request.write('{"a":');
    request.destroy();
    await failed;
  });

  it('announced too large is refused unread', async () => {
    const request = incoming({ 'content-length': '101' });
    await expect(readJson(request, { bytesMax: 100 })).rejects.toMatchObject({ code: 'body_too_large' });
    expect(request.listenerCount('data')).toBe(0);
  });
});
