/** Kept responses: read, listed page by page, deleted, and on disk still there after a restart. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import OpenAI from 'openai';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ResponseFiles } from '../../src/gateway/response-files.js';
import { startGateway, type TestGateway } from './support/harness.js';

let gateway: TestGateway;
let dir: string;
const model = 'test-model';

beforeEach(() => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'dynamo-kept-'));
});

afterEach(async () => {
  await gateway?.close();
  rmSync(dir, { recursive: true, force: true });
});

const client = (apiKey = 'none') => new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey, maxRetries: 0 });

async function start(apiKeys: string[] = []): Promise<void> {
  gateway = await startGateway({
    scripts: [({ say }) => say('Noted.')],
    config: { responsesDir: path.join(dir, 'responses'), apiKeys },
  });
}

/** Stops the gateway and starts another over the same folder. */
async function restart(apiKeys: string[] = []): Promise<void> {
  await gateway.close();
  await start(apiKeys);
}

const files = () => readdirSync(path.join(dir, 'responses')).sort();

describe('a kept response', () => {
  beforeEach(async () => {
    gateway = await startGateway({ scripts: [({ say }) => say('Noted.')] });
  });

  it('lists its input in pages, either way round', async () => {
    const openai = client();
    const input = ['a', 'b', 'c', 'd', 'e'].map((content) => ({ role: 'user' as const, content }));
    const { id } = await openai.responses.create({ model, input });
    const texts = async (query: OpenAI.Responses.InputItemListParams) => {
      const page = await openai.responses.inputItems.list(id, query);
      return page.data.map((item) => (item.type === 'message' ? JSON.stringify(item.content) : '').at(-4));
    };
    expect(await texts({ order: 'asc' })).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(await texts({})).toEqual(['e', 'd', 'c', 'b', 'a']);
    const first = await openai.responses.inputItems.list(id, { order: 'asc', limit: 2 });
    const all: string[] = [];
    for await (const item of first) all.push(String(item.id));
    expect(all).toHaveLength(5);
    expect(new Set(all).size).toBe(5);
  });

  it('refuses a page that cannot be, by name', async () => {
    const { id } = await client().responses.create({ model, input: 'hi' });
    for (const query of ['limit=0', 'limit=101', 'limit=x', 'order=up', 'after=nobody']) {
      const answer = await fetch(`${gateway.url}/v1/responses/${id}/input_items?${query}`);
      const { error } = (await answer.json()) as { error: { param: string } };
      expect([answer.status, error.param]).toEqual([400, query.split('=')[0]]);
    }
  });

  it('is given whole or not at all, and is over when it is kept', async () => {
    const { id } = await client().responses.create({ model, input: 'hi' });
    const status = async (rest: string, method = 'GET') =>
      (await fetch(`${gateway.url}/v1/responses/${rest}`, { method })).status;
    expect(await status(`${id}?stream=true`)).toBe(400);
    expect(await status(`${id}/cancel`, 'POST')).toBe(400);
    expect(await status('resp_unknown/cancel', 'POST')).toBe(404);
    expect(await status(`${id}`)).toBe(200);
  });
});

describe('on disk', () => {
  it('an answer outlives the gateway, and its conversation goes on', async () => {
    await start();
    const first = await client().responses.create({ model, input: 'The word is cobalt.' });
    await restart();
    expect(await client().responses.retrieve(first.id)).toMatchObject({ id: first.id, status: 'completed' });
    await client().responses.create({ model, previous_response_id: first.id, input: 'Which word?' });
    expect(gateway.engines[0]?.bodies[0]?.['messages']).toEqual([
      { role: 'user', content: 'The word is cobalt.' },
      { role: 'assistant', content: 'Noted.' },
      { role: 'user', content: 'Which word?' },
    ]);
  });

  it('is for this user alone, one file each, and nothing of an answer that is not to be stored', async () => {
    await start();
    const { id } = await client().responses.create({ model, input: 'hi' });
    await client().responses.create({ model, input: 'forget this', store: false });
    await restart();
    expect(files()).toEqual([`${id}.json`]);
    const folder = path.join(dir, 'responses');
    expect([statSync(folder).mode & 0o777, statSync(path.join(folder, `${id}.json`)).mode & 0o777]).toEqual([
      0o700, 0o600,
    ]);
  });

  it('a deleted answer is gone at once and for good', async () => {
    await start();
    const openai = client();
    const { id } = await openai.responses.create({ model, input: 'hi' });
    await openai.responses.delete(id);
    await expect(openai.responses.retrieve(id)).rejects.toThrow(/404/);
    await restart();
    expect(files()).toEqual([]);
    await expect(client().responses.retrieve(id)).rejects.toThrow(/404/);
  });

  it('an answer stays its key’s, and no key is in its file', async () => {
    await start(['alice-secret', 'bob-secret']);
    const { id } = await client('alice-secret').responses.create({ model, input: 'hi' });
    await restart(['alice-secret', 'bob-secret']);
    expect(readFileSync(path.join(dir, 'responses', `${id}.json`), 'utf8')).not.toContain('alice-secret');
    await expect(client('bob-secret').responses.retrieve(id)).rejects.toThrow(/404/);
    expect((await client('alice-secret').responses.retrieve(id)).id).toBe(id);
    const otherwise = await fetch(`${gateway.url}/v1/responses/${id}`, {
      headers: { 'x-api-key': 'alice-secret' },
    });
    expect(otherwise.status).toBe(200);
  });

  it.each([
    ['cut', (text: string) => text.slice(0, 50)],
    ['of another version', (text: string) => text.replace('"version":1', '"version":2')],
    ['of another answer', (text: string) => text.replaceAll('"id":"resp_', '"id":"resp_0')],
    ['empty', () => 'null'],
  ])('a file that is %s is not there, which is told', async (how, spoil) => {
    await start();
    const { id } = await client().responses.create({ model, input: 'secret prompt' });
    await gateway.close();
    const file = path.join(dir, 'responses', `${id}.json`);
    writeFileSync(file, spoil(readFileSync(file, 'utf8')));
    await start();
    await expect(client().responses.retrieve(id)).rejects.toThrow(/404/);
    const [warning] = gateway.of('warning');
    expect(warning?.code).toBe('response_unreadable');
    expect(warning?.message).toContain(id);
    expect(warning?.message).not.toContain('secret');
    // What another version wrote is kept for it.
    expect(files()).toEqual(how === 'of another version' ? [`${id}.json.v2`] : []);
  });

  it('an id that is a path reads nothing', async () => {
    await start();
    writeFileSync(path.join(dir, 'outside.json'), '{"version":1,"owner":"","kept":{}}');
    for (const id of ['..%2Foutside', '%2e%2e%2foutside', `resp_${'0'.repeat(32)}%00`]) {
      expect((await fetch(`${gateway.url}/v1/responses/${id}`)).status).toBe(404);
    }
  });
});

describe('the files', () => {
  const kept = (digit: string, size = 0) => ({
    owner: '',
    kept: {
      id: `resp_${digit.repeat(32)}`,
      isStored: true,
      response: { text: 'x'.repeat(size) },
      inputItems: [],
      messages: [],
    },
  });

  it('stay within their bounds, the oldest going first, after a restart as well', async () => {
    const bounds = { countMax: 3, bytesMax: 2_000 };
    const store = new ResponseFiles(dir, bounds);
    for (const digit of ['1', '2', '3', '4']) await store.write(kept(digit));
    expect(digits()).toEqual(['2', '3', '4']);
    await store.write(kept('5', 1_800));
    expect(digits()).toEqual(['5']);
    writeFileSync(path.join(dir, `resp_${'6'.repeat(32)}.json.part`), 'half');
    const again = new ResponseFiles(dir, bounds);
    expect(readdirSync(dir)).toEqual([`resp_${'5'.repeat(32)}.json`]);
    await again.write(kept('7', 500));
    expect(digits()).toEqual(['7']);
  });

  const digits = () => readdirSync(dir).map((name) => name.slice(5, 6));
});
