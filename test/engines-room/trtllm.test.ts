/** TensorRT-LLM's worker program against a stand-in of its LLM API that records what it is asked. Nothing here ran on a GPU. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

const root = path.resolve(import.meta.dirname, '../..');
const hasPython =
  spawnSync('python3', ['-c', 'import sys; sys.exit(sys.version_info < (3, 10))']).status === 0;

describe.skipIf(!hasPython)('the TensorRT-LLM worker', () => {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'dynamo-trtllm-'));
  const record = path.join(dir, 'calls');
  let child: ChildProcess;
  let url = '';

  beforeAll(async () => {
    const program = path.join(root, 'src/engines/trtllm/worker.py');
    const args = [
      '--model',
      'org/model',
      '--served-name',
      'served',
      '--context',
      '200',
      '--host-cache-bytes',
      '1000',
    ];
    child = spawn('python3', [program, ...args], {
      env: {
        ...process.env,
        PYTHONPATH: path.join(root, 'test/fixtures/trtllm'),
        PYTHONDONTWRITEBYTECODE: '1',
        TRTLLM_RECORD: record,
      },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    url = await new Promise((resolve) => {
      createInterface({ input: child.stdout! }).on('line', (line) => {
        const ready = /^phase ready (\S+)$/.exec(line)?.[1];
        if (ready !== undefined) resolve(ready);
      });
    });
  });
  afterAll(async () => {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.stdin!.end();
    await ended;
    rmSync(dir, { recursive: true, force: true });
  });

  const calls = (kind: string) =>
    readFileSync(record, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
      .filter((call) => call.kind === kind);
  const post = (to: string, body: unknown) =>
    fetch(url + to, { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body) });
  const prompt = Array.from({ length: 100 }, (_, at) => 100 + at);

  it('starts the engine with reuse, events and memory of the host, and says what it serves', async () => {
    expect(calls('llm')).toMatchObject([
      { model: 'org/model', context: 200, kv: { enable_block_reuse: true, host_cache_size: 1_000 } },
    ]);
    expect(calls('llm')[0].kv.event_buffer_max_size).toBeGreaterThan(0);
    expect(await (await fetch(`${url}/v1/models`)).json()).toMatchObject({
      data: [{ id: 'served', max_model_len: 200 }],
    });
    expect((await fetch(`${url}/health`)).status).toBe(200);
  });

  it('maps what ranges are worth to the engine’s retention, the answer’s apart', async () => {
    const kv_retention = [
      { start: 0, end: 40, priority: 100, durationMs: 0 },
      { start: 40, end: 90, priority: 80, durationMs: 300_000 },
      { start: 90, end: 104, priority: 20, durationMs: 30_000 },
    ];
    const body = { prompt, max_tokens: 2, kv_retention, priority: -3, cache_salt: 'tenant', temperature: 0 };
    const answer = (await (await post('/v1/completions', body)).json()) as Record<string, unknown>;
    expect(answer).toMatchObject({
      object: 'text_completion',
      choices: [{ text: 't0 t1 ', finish_reason: 'length' }],
      usage: { prompt_tokens: 100, completion_tokens: 2, prompt_tokens_details: { cached_tokens: 50 } },
    });
    const call = calls('generate').at(-1);
    expect(call.retention).toEqual({
      token_range_retention_configs: [
        { token_start: 0, token_end: 40, priority: 100, duration_ms: null },
        { token_start: 40, token_end: 90, priority: 80, duration_ms: 300 },
        { token_start: 90, token_end: 100, priority: 20, duration_ms: 30 },
      ],
      decode_retention_priority: 20,
      decode_duration_ms: 30,
    });
    expect(call).toMatchObject({ salt: 'tenant', sampling: { max_tokens: 2, temperature: 0 } });
    // Ours is vLLM's polarity: lower is more important; the engine's is the other way round.
    expect(call.priority).toBeGreaterThan(0.5);
    expect(call.priority).toBeLessThanOrEqual(1);
  });

  it('streams a chat as vLLM does, from its own template or the ids that came with it', async () => {
    const messages = [{ role: 'user', content: 'hi' }];
    const stream = { stream: true, stream_options: { include_usage: true }, max_tokens: 3 };
    const text = await (await post('/v1/chat/completions', { messages, ...stream, request_id: 'r1' })).text();
    const events = text
      .split('\n\n')
      .filter((line) => line.startsWith('data: {'))
      .map((line) => JSON.parse(line.slice(6)));
    expect(events.map(({ choices }) => choices[0]?.delta?.content)).toEqual([
      '',
      't0 ',
      't1 ',
      't2 ',
      undefined,
    ]);
    expect(events.at(-2).choices[0].finish_reason).toBe('length');
    expect(events[0]).toMatchObject({ id: 'chatcmpl-r1', object: 'chat.completion.chunk' });
    expect(events.at(-1).usage.completion_tokens).toBe(3);
    expect(text.endsWith('data: [DONE]\n\n')).toBe(true);
    expect(String.fromCodePoint(...calls('generate').at(-1).inputs)).toBe('<user>hi<assistant>');
    await (
      await post('/v1/chat/completions', { messages, prompt_token_ids: [200, 201], max_tokens: 1 })
    ).json();
    expect(calls('generate').at(-1)).toMatchObject({ inputs: [200, 201], retention: null, priority: 0.5 });
  });

  it('gives each KV event once', async () => {
    await (await post('/v1/completions', { prompt: [900, 901], max_tokens: 1 })).json();
    const seen: unknown[] = [];
    await vi.waitFor(async () => {
      seen.push(...((await (await post('/kv_cache_events', '')).json()) as unknown[]));
      expect(seen.length).toBe(calls('generate').length);
    });
    expect(await (await post('/kv_cache_events', '')).json()).toEqual([]);
    expect(seen[0]).toMatchObject({ data: { type: 'stored' } });
  });

  it('ends the engine’s work when its client leaves', async () => {
    const client = new AbortController();
    const answer = await fetch(`${url}/v1/completions`, {
      method: 'POST',
      body: JSON.stringify({ prompt: [1, 2], max_tokens: 150, stream: true }),
      signal: client.signal,
    });
    await answer.body!.getReader().read();
    client.abort();
    await vi.waitFor(() => expect(calls('abort')).toHaveLength(1), 5_000);
  });

  it.each([
    ['/v1/completions', { prompt: 5 }, /prompt must be/],
    ['/v1/completions', { prompt: Array(300).fill(1) }, /maximum context length is 200/],
    ['/v1/chat/completions', {}, /messages must be/],
    ['/v1/completions', '{', /./],
    ['/v1/completions', { prompt: [1], kv_retention: [{}] }, /start/],
    ['/v1/completions', { prompt: [7], max_tokens: 1 }, /token 7/],
  ])('refuses %s %j with what is wrong', async (to, body, words) => {
    const answer = await post(to, body);
    expect(answer.status).toBe(400);
    expect(((await answer.json()) as { error: { message: string } }).error.message).toMatch(words);
  });
});
