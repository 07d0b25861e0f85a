/** Runs one completion request: its choices as jobs of the core, its answer whole or as a stream. */
import { randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { LIMITS } from '../../../limits.js';
import type { CoreFinish, CoreHandle, CoreJob, EngineCore, TokenLogprobs } from '../types.js';
import { toApiError } from './api-error.js';
import { Choice, type ChoiceEvent } from './choice.js';
import { type CompletionRequest, decodeCompletion, type RequestContext } from './completion-request.js';
import { type Body, textField } from './fields.js';
import { Frames, type UsageCounts } from './frames.js';
import { sendJson } from './reply.js';
import type { WorkerMetrics } from './worker-metrics.js';

export interface GenerateContext extends RequestContext {
  metrics: WorkerMetrics;
}

/**
 * Resolves when the answer has been written or the client is gone. Rejects with what went wrong as long as
 * nothing was sent; later failures are the stream's last event. A closed connection cancels the jobs.
 */
export async function answerCompletion(
  context: GenerateContext,
  body: Body,
  kind: 'chat' | 'text',
  response: ServerResponse,
): Promise<void> {
  const given = textField(body, 'request_id') ?? randomBytes(8).toString('hex');
  const id = `${kind === 'chat' ? 'chatcmpl' : 'cmpl'}-${given.slice(0, LIMITS.requestIdChars)}`;
  const request = decodeCompletion(context, body, kind, id);
  if (response.destroyed) return;
  await new Generation(context, request, response).run();
}

class Generation {
  readonly #core: EngineCore;
  readonly #metrics: WorkerMetrics;
  readonly #request: CompletionRequest;
  readonly #response: ServerResponse;
  readonly #frames: Frames;
  readonly #startedAt = performance.now();
  readonly #usage: UsageCounts;
  readonly #handles: CoreHandle[] = [];

  constructor({ core, metrics }: GenerateContext, request: CompletionRequest, response: ServerResponse) {
    this.#core = core;
    this.#metrics = metrics;
    this.#request = request;
    this.#response = response;
    this.#frames = new Frames(core, request, Math.floor(Date.now() / 1000));
    this.#usage = { prompt: request.tokens.length, completion: 0, cached: 0, created: 0 };
  }

  async run(): Promise<void> {
    this.#response.on('close', () => this.#cancel());
    try {
      const indexes = Array.from({ length: this.#request.n }, (_, index) => index);
      const choices = await Promise.all(indexes.map((index) => this.#choice(index)));
      if (this.#response.destroyed) return;
      if (this.#request.isStream) this.#endStream();
      else sendJson(this.#response, 200, this.#frames.answer(choices, this.#usage));
    } catch (error) {
      this.#cancel();
      if (!this.#response.headersSent) throw error;
      this.#send(toApiError(error).body);
      this.#response.end('data: [DONE]\n\n');
    }
  }

  #cancel(): void {
    for (const handle of this.#handles) handle.cancel();
  }

  /** Resolves with the whole choice, empty where it was streamed or cancelled. */
  #choice(index: number): Promise<Record<string, unknown>> {
    const run = new ChoiceRun(index, this.#core, this.#request);
    const { continued } = this.#request;
    const timing = this.#metrics.choice(this.#startedAt);
    return new Promise((resolve, reject) => {
      const onToken = (token: number, logprobs?: TokenLogprobs): void => {
        timing.token();
        this.#usage.completion += 1;
        this.#emit(run, run.choice.token(token, logprobs));
        if (run.choice.isStopped) handle.cancel();
      };
      const onEnd = (reason: CoreFinish, error?: Error): void => {
        // Cancelled by ourselves, because a stop string came.
        const ended = reason === 'cancelled' && run.choice.isStopped ? 'stop' : reason;
        timing.end(ended);
        if (ended === 'error') reject(error ?? new Error('the generation failed'));
        else resolve(ended === 'cancelled' ? {} : this.#finish(run, ended));
      };
      const onStart = (cached: number): void => {
        this.#started(run, cached);
        if (continued.length === 0) return;
        this.#usage.completion += continued.length;
        this.#emit(run, run.choice.replay(continued));
        if (run.choice.isStopped) handle.cancel();
      };
      const job = this.#job(index, { onStart, onToken, onEnd });
      const handle = this.#core.submit(job);
      this.#handles.push(handle);
    });
  }

  #job(index: number, callbacks: Pick<CoreJob, 'onStart' | 'onToken' | 'onEnd'>): CoreJob {
    const { tokens, maxTokens, priority, cacheSalt, ignoreEos, stopTokens, logprobs, sampling, isWarm } =
      this.#request;
    // Choices of one request must differ although they share a seed.
    const seed = sampling.seed === undefined ? {} : { seed: (sampling.seed + index) % 2 ** 32 };
    const top = logprobs === null ? {} : { logprobs };
    const bounds = { maxTokens, ignoreEos, stopTokens, ...top };
    const retention = this.#request.retention === undefined ? {} : { retention: this.#request.retention };
    const { continued } = this.#request;
    return {
      tokens,
      ...(continued.length === 0 ? {} : { continued }),
      ...retention,
      isWarm,
      sampling: { ...sampling, ...seed },
      priority,
      cacheSalt,
      ...bounds,
      ...callbacks,
    };
  }

  /** The headers wait for this moment, so that a grammar the core refuses is still an error with a status. */
  #started(run: ChoiceRun, cached: number): void {
    if (run.index === 0) this.#countCached(cached);
    if (!this.#request.isStream) return;
    if (!this.#response.headersSent) this.#response.writeHead(200, STREAM_HEADERS);
    if (this.#request.kind === 'chat') this.#send(this.#frames.role(run.index, this.#usage));
  }

  #countCached(cached: number): void {
    const { blockTokens } = this.#core.info;
    const inBlocks = Math.floor(this.#usage.prompt / blockTokens) * blockTokens;
    this.#usage.cached = cached;
    this.#usage.created = Math.max(0, inBlocks - cached);
  }

  #emit(run: ChoiceRun, events: ChoiceEvent[]): void {
    if (!this.#request.isStream) {
      run.events.push(...events);
      return;
    }
    for (const event of events) {
      this.#send(this.#frames.delta(run.index, event, run.place(), this.#usage));
      run.sent(event);
    }
  }

  #finish(run: ChoiceRun, reason: 'stop' | 'length'): Record<string, unknown> {
    const { events, finish } = run.choice.end(reason);
    this.#emit(run, events);
    if (!this.#request.isStream) return this.#frames.choice(run.index, run.events, finish);
    this.#send(this.#frames.finish(run.index, finish, this.#usage));
    return {};
  }

  #endStream(): void {
    if (this.#request.includeUsage) this.#send(this.#frames.usage(this.#usage));
    this.#response.end('data: [DONE]\n\n');
  }

  #send(value: unknown): void {
    this.#response.write(`data: ${JSON.stringify(value)}\n\n`);
  }
}

const STREAM_HEADERS = { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' };

/** One choice on its way: what it said, and where its stream is. */
class ChoiceRun {
  readonly choice: Choice;
  /** Kept for a whole answer. */
  readonly events: ChoiceEvent[] = [];
  #isFirst = true;
  #offset = 0;

  constructor(
    readonly index: number,
    core: EngineCore,
    request: CompletionRequest,
  ) {
    this.choice = new Choice(core, request);
  }

  place(): { isFirst: boolean; offset: number } {
    return { isFirst: this.#isFirst, offset: this.#offset };
  }

  sent(event: ChoiceEvent): void {
    this.#isFirst = false;
    if (event.kind === 'text') this.#offset += event.text.length;
  }
}
