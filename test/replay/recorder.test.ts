import { describe, expect, it } from 'vitest';
import { blockSeed, hashBlocks } from '../../src/prompt/hash/block-hash.js';
import type { PreparedPrompt } from '../../src/prompt/types.js';
import { Recorder } from '../../src/replay/recorder.js';
import type { RecordedRequest } from '../../src/replay/recording.js';
import type { CommonRequest } from '../../src/request/types.js';
import type { StampedEvent, TelemetryEvent } from '../../src/telemetry/types.js';

const BLOCK = 16;
const START = 1_000_000;

function recorder(memoryBytes = 1_000_000) {
  const made = new Recorder({ model: 'm', blockTokens: BLOCK, memoryBytes });
  made.header(START);
  const at = (ms: number, event: TelemetryEvent) =>
    made.event({ ...event, at: START + ms, sequence: 0 } as StampedEvent);
  /** A request from arrival to its end, 10 ms each step. */
  const request = (id: string, session: string, tokens: number[], endsAs: TelemetryEvent['type'], ms = 0) => {
    at(ms, { type: 'request.started', id, dialect: 'chat', model: 'm', isStream: true });
    const hints = { priority: 2 };
    made.prompt({ id, session: { id: session }, hints } as CommonRequest, promptOf(tokens));
    at(ms + 10, { type: 'request.routed', id, worker: 'w0' } as TelemetryEvent);
    at(ms + 20, { type: 'request.first_token', id, ttftMs: 20 });
    at(ms + 25, { type: 'request.tokens', id, count: 3, itlMs: [] });
    const usage = { promptTokens: tokens.length, cachedTokens: 16, outputTokens: 9, reasoningTokens: 0 };
    const line = at(ms + 30, { type: endsAs, id, usage, e2eMs: 30, stopReason: 'stop' } as TelemetryEvent);
    return line === null ? null : (JSON.parse(line.line) as RecordedRequest);
  };
  return { made, at, request };
}

function promptOf(tokens: number[]): PreparedPrompt {
  const all = Uint32Array.from(tokens);
  return {
    tokens: all,
    blockTokens: BLOCK,
    localHashes: hashBlocks(all, BLOCK, blockSeed({})),
    source: 'local',
    regions: [
      { kind: 'system', start: 0, end: 10, message: 0 },
      { kind: 'conversation', start: 10, end: 20, message: 1 },
      { kind: 'conversation', start: 20, end: all.length, message: 2 },
    ],
  };
}

const count = (from: number, length: number): number[] => Array.from({ length }, (_, n) => from + n);

describe('a recording', () => {
  it('tells lengths, times from the file’s start, priority and what the prompt is made of', () => {
    const { request } = recorder();
    expect(request('a', 'mine', count(0, 40), 'request.finished')).toEqual({
      id: 'a',
      session: expect.stringMatching(/^[0-9a-f]{16}$/),
      sentMs: 0,
      firstTokenMs: 20,
      endMs: 30,
      promptTokens: 40,
      cachedTokens: 16,
      outputTokens: 9,
      priority: 2,
      keep: 0,
      blocks: [expect.stringMatching(/^[0-9a-f]{16}$/), expect.stringMatching(/^[0-9a-f]{16}$/)],
      parts: [
        ['system', 10],
        ['conversation', 30],
      ],
    });
  });

  it('writes of a session’s next prompt only the blocks that differ', () => {
    const { request } = recorder();
    request('a', 's', count(0, 64), 'request.finished');
    expect(request('b', 's', [...count(0, 64), ...count(500, 32)], 'request.finished')).toMatchObject({
      keep: 4,
      blocks: [expect.any(String), expect.any(String)],
    });
    const changed = request('c', 's', [...count(0, 16), ...count(900, 64)], 'request.finished');
    expect(changed).toMatchObject({ keep: 1 });
    expect(changed?.blocks).toHaveLength(4);
    expect(request('d', 'other', count(0, 64), 'request.finished')).toMatchObject({ keep: 0 });
  });

  it('starts anew in each file, and after a line was lost', () => {
    const { made, request } = recorder();
    const first = request('a', 's', count(0, 64), 'request.finished');
    made.forget(first?.session as string);
    expect(request('b', 's', count(0, 64), 'request.finished')?.keep).toBe(0);
    made.header(START);
    expect(request('c', 's', count(0, 64), 'request.finished')?.keep).toBe(0);
    expect(request('d', 's', count(0, 64), 'request.finished')?.keep).toBe(4);
  });

  it('keeps hashes of as many sessions as its memory allows', () => {
    // Two prompts of four blocks, 8 bytes each.
    const { request } = recorder(64);
    for (const session of ['a', 'b', 'c']) request(session, session, count(0, 64), 'request.finished');
    expect(request('d', 'a', count(0, 64), 'request.finished')?.keep).toBe(0);
    expect(request('e', 'c', count(0, 64), 'request.finished')?.keep).toBe(4);
  });

  it('counts what failed, and keeps what the client left in the middle with the tokens it got', () => {
    const { made, request, at } = recorder();
    expect(request('a', 's', count(0, 64), 'request.failed')).toBeNull();
    expect(made.leftOut).toBe(1);
    expect(request('b', 's', count(0, 64), 'request.cancelled')).toMatchObject({ outputTokens: 3 });
    at(0, { type: 'request.started', id: 'c', dialect: 'chat', model: 'm', isStream: true });
    expect(at(5, { type: 'request.rejected', id: 'c', code: 'overloaded', message: '' })).toBeNull();
    expect(made.leftOut).toBe(2);
  });
});
