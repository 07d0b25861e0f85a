import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DynamoError } from '../../src/errors.js';
import { readWorkload } from '../../src/replay/read.js';
import { RECORDING_SCHEMA } from '../../src/replay/recording.js';
import type { ReadOptions } from '../../src/replay/types.js';

const options: ReadOptions = {
  blockTokens: 64,
  traceBlockTokens: null,
  staggerMs: 5_000,
  maxDelayMs: 30_000,
};

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'dynamo-replay-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function file(name: string, content: unknown): Promise<string> {
  const where = path.join(folder, name);
  const rows = Array.isArray(content) ? content.map((row) => JSON.stringify(row)).join('\n') : null;
  await writeFile(where, rows ?? (typeof content === 'string' ? content : JSON.stringify(content)));
  return where;
}

const message = async (promise: Promise<unknown>): Promise<string> => {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(DynamoError);
  return (error as DynamoError).message;
};

const request = (over: object) => ({ in: 192, out: 5, hash_ids: [1, 2, 3], t: 0, api_time: 1, ...over });

describe('Claude Code session files', () => {
  it('share the tools text between files, and nothing else', async () => {
    const session = (id: string) => ({ id, tool_tokens: 128, requests: [request({})] });
    await file('a.json', session('a'));
    await file('b.json', session('b'));
    const { turns, uniqueBlocks } = await readWorkload([folder], options);
    expect(turns[0]?.blocks.subarray(0, 2)).toEqual(turns[1]?.blocks.subarray(0, 2));
    expect(uniqueBlocks).toBe(4);
    expect(turns[1]).toMatchObject({ atMs: 5_000, after: [] });
  });

  it('pause for the think time, else for the recorded gap, at most as long as allowed', async () => {
    const requests = [request({}), request({ t: 9, think_time: 2 }), request({ t: 14 }), request({ t: 900 })];
    const { turns } = await readWorkload([await file('a.json', { id: 'a', requests })], options);
    expect(turns.map(({ delayMs }) => delayMs)).toEqual([0, 2_000, 4_000, 30_000]);
  });

  it('run sub-agents beside each other, and wait for those that had ended', async () => {
    const requests = [
      request({}),
      { requests: [request({ t: 2 }), request({ t: 4 })] },
      { requests: [request({ t: 2, api_time: 50 })] },
      request({ t: 8 }),
    ];
    const { turns, sessions } = await readWorkload([await file('a.json', { id: 'a', requests })], options);
    expect(sessions).toEqual(['a', 'a/1', 'a/2']);
    expect(turns.map(({ after }) => after)).toEqual([[], [0], [1], [0], [0, 2]]);
    expect(turns[4]?.delayMs).toBe(3_000);
  });
});

describe('rows', () => {
  it('of Mooncake arrive by the clock, their 512-token ids told in blocks', async () => {
    const trace = await file('m.jsonl', [
      { timestamp: 0, input_length: 1_000, output_length: 5, hash_ids: [0, 1] },
      { timestamp: 7, input_length: 600, output_length: 5, hash_ids: [0, 2] },
    ]);
    const { format, turns } = await readWorkload([trace], options);
    expect(format).toBe('mooncake');
    expect(turns.map(({ atMs, blocks }) => [atMs, blocks.length])).toEqual([
      [0, 15],
      [7, 9],
    ]);
    expect(turns[1]?.blocks.subarray(0, 8)).toEqual(turns[0]?.blocks.subarray(0, 8));
    expect(turns[1]?.blocks[8]).not.toBe(turns[0]?.blocks[8]);
  });

  it('of a closed loop leave a pause after the answer before, with their priority', async () => {
    const row = { session_id: 'x', input_length: 128, output_length: 5, hash_ids: [1, 2] };
    const trace = await file('c.jsonl', [
      { ...row, timestamp: 10 },
      { ...row, delay: 40, priority: 100 },
    ]);
    const { format, turns } = await readWorkload([trace], options);
    expect(format).toBe('closed-loop');
    expect(turns[1]).toMatchObject({ after: [0], delayMs: 40, priority: 100 });
  });

  it('of agents name what they wait for', async () => {
    const row = { session_id: 'x', input_length: 128, output_length: 5, hash_ids: [1, 2] };
    const trace = await file('g.jsonl', [
      { schema: 'dynamo.agentic_mooncake', version: 2, block_size: 64 },
      { ...row, request_id: 'a', timestamp: 3, branches: ['b'] },
      { ...row, request_id: 'b', session_id: 'y' },
      { ...row, request_id: 'c', wait_for: ['a', 'b'], tool_wait_ms: 25 },
    ]);
    const { format, turns } = await readWorkload([trace], options);
    expect(format).toBe('mooncake-agentic');
    expect(turns.map(({ after, delayMs }) => [after, delayMs])).toEqual([
      [[], 0],
      [[0], 0],
      [[0, 1], 25],
    ]);
  });
});

it.each([
  '1e999',
  '-1',
  '"x"',
  '[]',
])('own recordings that began at %s have no time to count from', async (startedAt) => {
  const header = JSON.stringify({ schema: RECORDING_SCHEMA, model: 'm', blockTokens: 64, startedAt: 7 });
  const text = header.replace('7', startedAt);
  const where = await file('r.jsonl', `${text}\n`);
  expect(await message(readWorkload([where], options))).toContain('`startedAt` is not a time');
});

it('own recordings keep the blocks that a prompt shares with the one before', async () => {
  const record = { session: 's', promptTokens: 192, cachedTokens: 0, outputTokens: 3, priority: 2 };
  const trace = await file('r.jsonl', [
    { schema: RECORDING_SCHEMA, model: 'm', blockTokens: 64, startedAt: 1_000 },
    { ...record, id: '1', sentMs: 0, endMs: 100, keep: 0, blocks: ['a', 'b', 'c'] },
    { ...record, id: '2', sentMs: 130, endMs: 200, keep: 2, blocks: ['d'], parts: [['system', 64]] },
    { ...record, id: '3', sentMs: 150, endMs: 250, keep: 0, blocks: ['e'] },
  ]);
  const { format, turns } = await readWorkload([trace], options);
  expect(format).toBe('recording');
  expect(turns[1]).toMatchObject({
    after: [0],
    delayMs: 30,
    priority: 2,
    parts: [{ kind: 'system', tokens: 64 }],
  });
  expect(turns[1]?.blocks.subarray(0, 2)).toEqual(turns[0]?.blocks.subarray(0, 2));
  expect(turns[2]).toMatchObject({ after: [], atMs: 150 });
});

it('logs of Claude Code give one request per message, from its usage', async () => {
  const line = (type: string, at: number, message?: object) => ({
    type,
    sessionId: 's',
    timestamp: new Date(at).toISOString(),
    version: '2',
    ...(message === undefined ? {} : { message: { model: 'm', ...message } }),
  });
  const usage = (read: number, written: number) => ({
    input_tokens: 4,
    cache_read_input_tokens: read,
    cache_creation_input_tokens: written,
    output_tokens: 9,
  });
  const trace = await file('log.jsonl', [
    { type: 'summary', summary: 'x' },
    line('user', 1_000),
    line('assistant', 2_000, { id: 'm1', usage: usage(640, 640) }),
    line('assistant', 3_000, { id: 'm1', usage: usage(640, 640) }),
    line('user', 5_000),
    line('assistant', 6_000, { id: 'm2', usage: usage(1_280, 128) }),
  ]);
  const { format, turns } = await readWorkload([trace], options);
  expect(format).toBe('claude-logs');
  expect(turns.map(({ promptTokens, after, delayMs }) => [promptTokens, after, delayMs])).toEqual([
    [1_284, [], 0],
    [1_412, [0], 2_000],
  ]);
  expect(turns[1]?.blocks.subarray(0, 20)).toEqual(turns[0]?.blocks);
});

it('a folder of Claude Code may hold its index, and a session that is being written', async () => {
  const answer = (id: string) => ({
    type: 'assistant',
    sessionId: 's',
    timestamp: new Date(2_000).toISOString(),
    message: { id, model: 'm', usage: { input_tokens: 100, output_tokens: 9 } },
  });
  const index = await file('sessions-index.json', { version: 1, entries: [{ sessionId: 's' }] });
  await file('s.jsonl', `${JSON.stringify(answer('m1'))}\n{"type":"assist`);
  const { turns, notes } = await readWorkload([folder], options);
  expect(turns).toHaveLength(1);
  expect(notes.join()).toContain(`left out, for they hold no requests: ${index}`);
  // Asked for by name, it is an error.
  expect(await message(readWorkload([index], options))).toContain('sessions-index.json');
});

it('forms that cannot be replayed together are named', async () => {
  const rows = await file('mixed-rows.jsonl', [
    { timestamp: 0, input_length: 64, output_length: 1, hash_ids: [1] },
  ]);
  const session = await file('mixed-session.json', { id: 'a', requests: [request({})] });
  const text = await message(readWorkload([session, rows], options));
  expect(text).toContain('mixed-rows.jsonl');
  expect(text).toContain('mixed-session.json');
});

describe('a broken trace', () => {
  it('is told with its file, line and field', async () => {
    const good = { timestamp: 0, input_length: 100, output_length: 5, hash_ids: [0] };
    const bad = await file('bad.jsonl', [good, { ...good, input_length: -1 }]);
    expect(await message(readWorkload([bad], options))).toMatch(/bad\.jsonl.*line 2: `input_length`/);
    const cut = await file('cut.jsonl', `${JSON.stringify(good)}\n{"timestamp": 1`);
    expect(await message(readWorkload([cut], options))).toMatch(/line 2: is not valid JSON/);
    const crowded = await file('ids.jsonl', [{ ...good, hash_ids: [1, 2, 3] }]);
    expect(await message(readWorkload([crowded], options))).toMatch(/3 ids of 512 tokens are more than 100/);
    const none = await file('none.jsonl', [{ hello: 1 }]);
    expect(await message(readWorkload([none], options))).toMatch(/no known form/);
  });

  it('is told when it is missing, empty or names nobody', async () => {
    expect(await message(readWorkload([path.join(folder, 'gone')], options))).toMatch(/does not exist/);
    expect(await message(readWorkload([folder], options))).toMatch(/holds no/);
    const row = { request_id: 'a', wait_for: ['z'], input_length: 1, output_length: 1, hash_ids: [] };
    expect(await message(readWorkload([await file('w.jsonl', [row])], options))).toMatch(/names `z`/);
  });

  it('cannot be told in blocks that do not fit its own', async () => {
    const row = { timestamp: 0, input_length: 100, output_length: 5, hash_ids: [0] };
    const trace = await file('m.jsonl', [row]);
    expect(await message(readWorkload([trace], { ...options, blockTokens: 48 }))).toMatch(/48 tokens/);
  });
});
