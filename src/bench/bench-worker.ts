/** One embedded worker by itself, as the supervisor would start it, with its CPU time and its counters. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { request } from 'undici';
import { cpuSeconds } from './process-usage.js';

export interface BenchAnswer {
  ttftMs: number;
  text: string;
  promptTokens: number;
  cachedTokens: number;
}

export interface BenchWorker {
  /** Greedy; resolves with the whole answer. */
  complete(prompt: readonly number[], maxTokens: number, salt: string): Promise<BenchAnswer>;
  tokenize(text: string): Promise<number[]>;
  /** Prompt tokens computed since its start, by its own counters. */
  computedTokens(): Promise<number>;
  /** Seconds of CPU used since its start; null where the system does not tell. */
  cpuSeconds(): number | null;
  stop(): Promise<void>;
}

/** Rejects when the worker ends before it serves, with its last lines. */
export async function startBenchWorker(args: readonly string[]): Promise<BenchWorker> {
  const program = fileURLToPath(new URL('../engines/embedded/main.js', import.meta.url));
  const child = spawn(process.execPath, [program, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (text: Buffer) => {
    errors = (errors + text.toString()).slice(-2_000);
  });
  child.stdin.on('error', () => {});
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const url = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const ready = /^phase ready (\S+)$/.exec(line)?.[1];
      if (ready !== undefined) resolve(ready);
    });
    child.once('error', reject);
    void ended.then(() => reject(new Error(`the worker ended before it served: ${errors}`)));
  });
  return {
    complete: (prompt, maxTokens, salt) => complete(url, { prompt, max_tokens: maxTokens, cache_salt: salt }),
    tokenize: async (text) =>
      ((await json(url, '/tokenize', { prompt: text })) as { tokens: number[] }).tokens,
    computedTokens: async () => {
      const metrics = await (await request(`${url}/metrics`)).body.text();
      const value = (name: string) =>
        Number(new RegExp(`^vllm:${name}\\{[^}]*\\} (\\S+)`, 'm').exec(metrics)?.[1] ?? 0);
      return value('prefix_cache_queries_total') - value('prefix_cache_hits_total');
    },
    cpuSeconds: () => cpuSeconds(child.pid ?? 0),
    stop: async () => {
      child.stdin.end();
      await ended;
    },
  };
}

async function complete(url: string, wanted: Record<string, unknown>): Promise<BenchAnswer> {
  const body = {
    ...wanted,
    temperature: 0,
    ignore_eos: true,
    stream: true,
    stream_options: { include_usage: true },
  };
  const startedAt = performance.now();
  const answer = await request(`${url}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (answer.statusCode !== 200)
    throw new Error(`${url} answered ${answer.statusCode}: ${await answer.body.text()}`);
  const result: BenchAnswer = { ttftMs: Number.NaN, text: '', promptTokens: 0, cachedTokens: 0 };
  for await (const line of createInterface({ input: answer.body })) {
    if (!line.startsWith('data: {')) continue;
    const chunk = JSON.parse(line.slice(6)) as Chunk;
    const text = chunk.choices[0]?.text ?? '';
    if (text !== '' && Number.isNaN(result.ttftMs)) result.ttftMs = performance.now() - startedAt;
    result.text += text;
    result.promptTokens = chunk.usage?.prompt_tokens ?? result.promptTokens;
    result.cachedTokens = chunk.usage?.prompt_tokens_details?.cached_tokens ?? result.cachedTokens;
  }
  return result;
}

interface Chunk {
  choices: { text?: string }[];
  usage?: { prompt_tokens: number; prompt_tokens_details?: { cached_tokens?: number } | null } | null;
}

async function json(url: string, path: string, body: unknown): Promise<unknown> {
  const answer = await request(`${url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return answer.body.json();
}
