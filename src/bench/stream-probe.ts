/** One streamed chat request, timed: when the first token came, when the last, what the usage said. */
import { request } from 'undici';
import type { EngineMessage } from '../request/engine-body.js';

export interface ProbeResult {
  /** Milliseconds from sending to the first event with text; null when none came. */
  ttftMs: number | null;
  totalMs: number;
  text: string;
  promptTokens: number;
  cachedTokens: number;
  /** From `x-dynamo-predicted-tokens`; null when the worker was asked directly. */
  predictedTokens: number | null;
  worker: string | null;
}

export interface ProbeOptions {
  url: string;
  model: string;
  messages: EngineMessage[];
  maxTokens: number;
  headers?: Record<string, string>;
}

interface Chunk {
  choices: { delta: { content?: string } }[];
  usage?: { prompt_tokens: number; prompt_tokens_details?: { cached_tokens?: number } } | null;
}

/** Rejects when the answer is not 200 or has no usage. */
export async function probeStream(options: ProbeOptions): Promise<ProbeResult> {
  const { url, model, messages, maxTokens, headers = {} } = options;
  const body = {
    model,
    messages,
    max_tokens: maxTokens,
    // All sampling values are given, so that the recipe's defaults cannot make the engine's work differ between ways.
    temperature: 0,
    top_p: 1,
    repetition_penalty: 1,
    stream: true,
    stream_options: { include_usage: true },
  };
  const startedAt = performance.now();
  const answer = await request(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  if (answer.statusCode !== 200)
    throw new Error(`${url} answered ${answer.statusCode}: ${await answer.body.text()}`);
  const result: ProbeResult = {
    ttftMs: null,
    totalMs: 0,
    text: '',
    promptTokens: -1,
    cachedTokens: 0,
    predictedTokens: numberOf(answer.headers['x-dynamo-predicted-tokens']),
    worker: (answer.headers['x-dynamo-worker'] as string | undefined) ?? null,
  };
  let pending = '';
  for await (const piece of answer.body) {
    pending += piece;
    const lines = pending.split('\n');
    pending = lines.pop() ?? '';
    for (const line of lines) take(line, result, startedAt);
  }
  result.totalMs = performance.now() - startedAt;
  if (result.promptTokens < 0) throw new Error(`${url} sent no usage`);
  return result;
}

function take(line: string, result: ProbeResult, startedAt: number): void {
  if (!line.startsWith('data: {')) return;
  const chunk = JSON.parse(line.slice(6)) as Chunk;
  const text = chunk.choices[0]?.delta.content ?? '';
  if (text !== '') {
    result.ttftMs ??= performance.now() - startedAt;
    result.text += text;
  }
  if (chunk.usage) {
    result.promptTokens = chunk.usage.prompt_tokens;
    result.cachedTokens = chunk.usage.prompt_tokens_details?.cached_tokens ?? 0;
  }
}

function numberOf(header: string | string[] | undefined): number | null {
  return typeof header === 'string' ? Number(header) : null;
}
