/** Lifetimes on engines that keep none, with a clock and workers that are told what to say. */
import { describe, expect, it } from 'vitest';
import { KeepWarm } from '../../src/gateway/keep-warm.js';
import type { Answered } from '../../src/gateway/warming.js';
import type { WarmJob } from '../../src/retention/types.js';

const HOUR = 3_600;

function rig(kvBlocks = 100) {
  const state = { now: 0, missingTokens: 0 };
  const jobs: WarmJob[] = [];
  const ended: boolean[] = [];
  const keep = new KeepWarm({
    kvBlocks: () => kvBlocks,
    add: (job) => jobs.push(job),
    outlook: () => ({ isFree: true, computeTokens: 0, missingTokens: state.missingTokens }),
    ended: (isKept) => ended.push(isKept),
    now: () => state.now,
  });
  return { keep, jobs, ended, state };
}

/** 20 blocks of 16 tokens: a system prompt of 8, a conversation of 12. */
function answered(marks: { system?: number; user?: number }, over: Partial<Answered> = {}): Answered {
  const mark = (ttlSeconds: number | undefined) =>
    ttlSeconds === undefined ? {} : { cache: { ttlSeconds } };
  return {
    request: {
      id: 'r1',
      input: {
        kind: 'chat',
        messages: [
          { role: 'system', blocks: [{ type: 'text', text: 's', ...mark(marks.system) }] },
          { role: 'user', blocks: [{ type: 'text', text: 'u', ...mark(marks.user) }] },
        ],
      },
      tools: [],
      hints: {},
      session: { id: 's1', isFinal: false, harness: 'claude-code', role: 'main' },
    },
    prompt: {
      tokens: new Uint32Array(325),
      blockTokens: 16,
      localHashes: new BigUint64Array(20),
      source: 'local',
      regions: [
        { kind: 'system', start: 0, end: 130, message: 0 },
        { kind: 'conversation', start: 130, end: 320, message: 1 },
      ],
    },
    worker: 'w0',
    usage: { promptTokens: 325, cachedTokens: 0, outputTokens: 0, reasoningTokens: 0 },
    reason: 'stop',
    answer: null,
    ...over,
  } as unknown as Answered;
}

describe('a lifetime on an engine that keeps none', () => {
  it('has its prefix touched once enough went through the worker, in whole blocks', () => {
    const { keep, jobs } = rig(100);
    keep.answered(answered({ user: 300 }));
    keep.tend();
    expect(jobs).toEqual([]);
    for (let n = 0; n < 3; n++) keep.answered(answered({}));
    keep.tend();
    expect(jobs).toMatchObject([{ cause: 'keep_warm', worker: 'w0', session: 's1', until: 300_000 }]);
    expect(jobs[0]?.tokens.length).toBe(320);
    expect(jobs[0]?.localHashes.length).toBe(20);
  });

  it('of an hour for the system prompt and minutes for the rest is two, each to its end', () => {
    const { keep, jobs, ended, state } = rig(10);
    keep.answered(answered({ system: HOUR, user: 300 }));
    keep.answered(answered({}));
    keep.tend();
    expect(jobs.map(({ tokens }) => tokens.length).sort()).toEqual([128, 320]);
    state.now = 300_000;
    keep.tend();
    expect(ended).toEqual([true]);
    state.now = HOUR * 1_000;
    state.missingTokens = 100;
    keep.tend();
    expect(ended).toEqual([true, false]);
  });

  it('is one where the longer prefix lives longer too, and none without a mark or tokens', () => {
    const { keep, jobs } = rig(10);
    keep.answered(answered({ system: 300, user: HOUR }));
    keep.answered(answered({}));
    keep.tend();
    expect(jobs).toHaveLength(1);
    const other = rig(10);
    const { prompt } = answered({});
    other.keep.answered(answered({ user: 300 }, { prompt: { ...prompt, source: 'text' } }));
    other.keep.answered(answered({}));
    other.keep.tend();
    expect(other.jobs).toEqual([]);
  });
});
