/**
 * The worker as a real process whose cache is too small for what it is asked: whoever follows its events knows what it
 * holds. Also two answers at once, and an end in the middle of one within the time the supervisor waits.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Subscriber } from 'zeromq';
import type { KvEvent } from '../../../src/link/kv-event.js';
import { decodeBatch } from '../../../src/link/kv-events.js';
import { testModelPath } from './core/real-model.js';
import { chatStream, gathered, get, type Json, post } from './server/worker-client.js';
import { startWorker, type WorkerProcess } from './worker-process.js';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const BLOCK = 64;
const CONTEXT = 512;
const SLOTS = 2;
/** The supervisor's patience is longer; the worker's own backstop is 1.5 s. */
const END_MS = 2_000;

const dir = mkdtempSync(path.join(os.tmpdir(), 'dynamo-events-'));
const EVENTS = `ipc://${dir}/events`;
const follower = new Map<bigint, { parent: bigint | null; tokens: string }>();
const seen = { stored: 0, removed: 0, batches: 0 };

let worker: WorkerProcess;
let url: string;
let subscriber: Subscriber;

beforeAll(async () => {
  const args = ['--model', testModelPath(), '--model-sha256', 'ab'.repeat(32), '--context', String(CONTEXT)];
  worker = startWorker([
    ...args,
    '--slots',
    String(SLOTS),
    '--events',
    EVENTS,
    '--replay',
    `${EVENTS}-again`,
  ]);
  url = await worker.ready();
  subscriber = new Subscriber({ receiveHighWaterMark: 0, linger: 0 });
  subscriber.subscribe('');
  subscriber.connect(EVENTS);
  void follow();
  // A PUB socket forgets what it sends before it knows of its subscriber.
  await vi.waitFor(
    async () => {
      await post(`${url}/reset_prefix_cache`, '');
      expect(seen.batches).toBeGreaterThan(0);
    },
    { timeout: 20_000 },
  );
});

afterAll(async () => {
  subscriber.close();
  await worker.close();
  rmSync(dir, { recursive: true, force: true });
});

async function follow(): Promise<void> {
  for await (const [, , payload] of subscriber) {
    seen.batches += 1;
    for (const event of decodeBatch(payload as Buffer).events) apply(event);
  }
}

function apply(event: KvEvent): void {
  if (event.type === 'cleared') follower.clear();
  if (event.type === 'removed') {
    for (const hash of event.hashes) {
      if (!follower.delete(hash)) throw new Error(`removed without having been stored: ${hash}`);
      seen.removed += 1;
    }
  }
  if (event.type !== 'stored') return;
  let { parent } = event;
  for (const [at, hash] of event.hashes.entries()) {
    follower.set(hash, { parent, tokens: event.tokens.slice(at * BLOCK, (at + 1) * BLOCK).join() });
    parent = hash;
    seen.stored += 1;
  }
}

/** Leading tokens of the prompt that the events say are held; one token is always computed. */
function predicted(prompt: readonly number[]): number {
  let parent: bigint | null = null;
  let blocks = 0;
  const most = Math.floor((prompt.length - 1) / BLOCK);
  while (blocks < most) {
    const tokens = prompt.slice(blocks * BLOCK, (blocks + 1) * BLOCK).join();
    const next = [...follower].find(([, block]) => block.parent === parent && block.tokens === tokens);
    if (next === undefined) break;
    parent = next[0];
    blocks += 1;
  }
  return blocks * BLOCK;
}

/** Blocks that the worker itself says it holds. */
async function heldBlocks(): Promise<number> {
  const { text } = await get(`${url}/metrics`);
  const share = Number(/vllm:kv_cache_usage_perc\{[^}]*\} (\S+)\n/.exec(text)?.[1]);
  const total = Number(/num_gpu_blocks="(\d+)"/.exec(text)?.[1]);
  return Math.round(share * total);
}

/** A conversation of one of a few users, grown to one of a few lengths: prefixes come back, and too many of them. */
function prompts(count: number): number[][] {
  let state = 11;
  const random = (below: number): number => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return Math.floor((state / 2 ** 31) * below);
  };
  return Array.from({ length: count }, () => {
    const user = random(5);
    const shared = Array.from({ length: 80 }, (_, at) => 500 + at);
    const own = Array.from({ length: 50 + random(3) * 100 }, (_, at) => 1_000 * (user + 1) + at);
    return user < 3 ? [...shared, ...own] : own;
  });
}

const complete = async (prompt: number[]): Promise<number> => {
  const { json } = await post(`${url}/v1/completions`, {
    prompt,
    max_tokens: 20,
    temperature: 0,
    ignore_eos: true,
  });
  return (json['usage'] as { prompt_tokens_details: { cached_tokens: number } }).prompt_tokens_details
    .cached_tokens;
};

describe('who follows the events', () => {
  it('knows what is cached, through evictions, to the block', async () => {
    let hits = 0;
    for (const prompt of prompts(16)) {
      await vi.waitFor(async () => expect(follower.size).toBe(await heldBlocks()), { timeout: 10_000 });
      const expected = predicted(prompt);
      expect(await complete(prompt)).toBe(expected);
      hits += expected > 0 ? 1 : 0;
    }
    expect(hits).toBeGreaterThan(3);
    expect(seen.removed).toBeGreaterThan(10);
    expect(seen.stored).toBeGreaterThan(seen.removed);
  });

  it('knows that nothing is, once the cache was emptied', async () => {
    await post(`${url}/reset_prefix_cache`, '');
    await vi.waitFor(() => expect(follower.size).toBe(0));
    expect(await heldBlocks()).toBe(0);
  });
});

const story = (about: string): Json => ({
  messages: [{ role: 'user', content: `Tell me a story about ${about}.` }],
  ...{ temperature: 0, max_tokens: 30, ignore_eos: true },
});

describe('two answers at once', () => {
  it('are the ones each would be alone, written side by side', async () => {
    const about = ['a cat', 'the sea'];
    const alone: unknown[] = [];
    for (const topic of about) alone.push(gathered(await chatStream(url, story(topic)))[0]?.text);
    await post(`${url}/reset_prefix_cache`, '');
    const order: string[] = [];
    const texts = await Promise.all(
      about.map(async (topic) => {
        const response = await fetch(`${url}/v1/chat/completions`, {
          method: 'POST',
          body: JSON.stringify({ ...story(topic), stream: true }),
        });
        let text = '';
        for await (const chunk of response.body as ReadableStream<Uint8Array>) {
          order.push(topic);
          text += Buffer.from(chunk).toString();
        }
        return contentOf(text);
      }),
    );
    expect(texts).toEqual(alone);
    const first = order[0] as string;
    expect(order.slice(0, order.lastIndexOf(first))).toContain(about.find((topic) => topic !== first));
  });
});

function contentOf(sse: string): string {
  const values = [...sse.matchAll(/^data: (\{.*)$/gm)].map(([, json]) => JSON.parse(json as string) as Json);
  return gathered(values)[0]?.text ?? '';
}

describe('an end in the middle of an answer', () => {
  it.each<[string, (child: WorkerProcess['child']) => void]>([
    ['stdin closes', (child) => child.stdin.end()],
    ['SIGTERM comes', (child) => child.kill('SIGTERM')],
  ])('is quick when %s', async (_, ask) => {
    const other = startWorker([
      '--model',
      testModelPath(),
      '--model-sha256',
      'ab'.repeat(32),
      '--slots',
      '1',
    ]);
    const address = await other.ready();
    const response = await fetch(`${address}/v1/chat/completions`, {
      method: 'POST',
      body: JSON.stringify({ ...story('time'), max_tokens: 5_000, stream: true }),
    });
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    await reader.read();
    const asked = performance.now();
    ask(other.child);
    expect(await other.ended).toEqual({ code: 0, signal: null });
    expect(performance.now() - asked).toBeLessThan(END_MS);
    await reader.cancel().catch(() => {});
  });
});
