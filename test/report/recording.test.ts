/** What a report makes of a recording: figures that can be checked by hand. */
import { describe, expect, it } from 'vitest';
import { RECORDING_SCHEMA } from '../../src/replay/recording.js';
import { fromRecording } from '../../src/report/from-recording.js';

const place = (line: number) => ({ file: 'r.jsonl', at: `line ${line}` });
const START = 1_700_000_000_000;
const header = { schema: RECORDING_SCHEMA, model: 'm', blockTokens: 100, startedAt: START };

const request = (session: string, fields: object) => ({
  id: 'x',
  session,
  sentMs: 0,
  firstTokenMs: 100,
  endMs: 300,
  promptTokens: 250,
  cachedTokens: 0,
  outputTokens: 3,
  priority: 0,
  keep: 0,
  blocks: ['a', 'b'],
  parts: [],
  ...fields,
});

const of = (...rows: object[]) =>
  fromRecording(
    rows.map((fields, at) => ({ fields: fields as Record<string, unknown>, place: place(at + 1) })),
    'recording',
  );

describe('a recording', () => {
  it('is told by its own figures and those its blocks give', () => {
    const data = of(
      header,
      request('s', {}),
      // Grown by one block; the first two could have been read, one was.
      request('s', {
        sentMs: 1_000,
        firstTokenMs: 1_200,
        endMs: 1_400,
        promptTokens: 350,
        cachedTokens: 100,
        keep: 2,
        blocks: ['c'],
      }),
      // Another session with the same beginning.
      request('t', { sentMs: 2_000, firstTokenMs: null, endMs: 2_100, cachedTokens: 200, outputTokens: 0 }),
    );
    expect(data.tokens).toMatchObject({ prompt: 850, cached: 300, reachable: 400, predicted: null });
    expect(data.misses).toEqual([
      { cause: 'new text', requests: 3, computedTokens: 450, repeatedTokens: 0 },
      { cause: 'had been computed before', requests: 1, computedTokens: 100, repeatedTokens: 100 },
    ]);
    expect(data.sessions).toMatchObject([
      { id: 's', requests: 2, hitRate: 100 / 600, turns: [0, 100 / 350] },
      { id: 't', requests: 1, hitRate: 0.8 },
    ]);
    expect([data.from, data.to]).toEqual([START, START + 2_100]);
    expect(data.distributions[0]).toMatchObject({ p50: 0.1, p95: 0.2, p99: 0.2 });
    expect(data.distributions.map(({ name, distribution }) => `${name} ${distribution.count}`)).toEqual([
      'time to first token 2',
      'inter-token 2',
      'whole request 3',
    ]);
  });

  it('could not have given what was still being computed', () => {
    const data = of(header, request('s', {}), request('t', { sentMs: 50, firstTokenMs: 150, endMs: 350 }));
    expect(data.tokens.reachable).toBe(0);
  });

  it('in several files: blocks are kept within a file only, times go on', () => {
    const second = { ...header, startedAt: START + 60_000 };
    const data = of(header, request('s', {}), second, request('s', { keep: 0 }));
    expect(data.to - data.from).toBe(60_300);
    expect(data.tokens.reachable).toBe(200);
  });

  it('that is none, or empty, is refused with what to try', () => {
    expect(() => of({ hash_ids: [1] })).toThrow(/no recording/);
    expect(() => of(header)).toThrow(/holds no request/);
    expect(() => of(header, request('s', { promptTokens: -1 }))).toThrow(/line 2: `promptTokens`/);
  });
});
