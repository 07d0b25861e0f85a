/** Runs one completion request: its choices as jobs of the core, its answer whole or as a stream. */
import { randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { CoreFinish, CoreHandle } from '../types.js';
import { Choice, type ChoiceEvent, type ChoiceFinish } from './choice.js';
import { type CompletionRequest, decodeCompletion } from './completion-request.js';
import { chunk, deltaChoice, finishChoice, type UsageCounts, wholeAnswer, wholeChoice } from './frames.js';
import { ApiError, type ServerContext } from './prompt.js';

/** Resolves when the answer has been written or the client is gone; rejects before anything was sent. */
export async function answerCompletion(
  context: ServerContext,
  body: Record<string, unknown>,
  kind: 'chat' | 'text',
  response: ServerResponse,
): Promise<void> {
  const given =
    typeof body['request_id'] === 'string'
      ? body['request_id'].slice(0, 256)
      : randomBytes(8).toString('hex');
  const request = decodeCompletion(context, body, kind, `${kind === 'chat' ? 'chatcmpl' : 'cmpl'}-${given}`);
  await new Generation(context, request, response).run();
}

class Generation {
  readonly #context: ServerContext;
  readonly #request: CompletionRequest;
  readonly #response: ServerResponse;
  readonly #created = Math.floor(Date.now() / 1000);
  readonly #startedAt = performance.now();
  readonly #usage: UsageCounts;
  readonly #handles: CoreHandle[] = [];
  #lastTokenAt: number | null = null;

  constructor(context: ServerContext, request: CompletionRequest, response: ServerResponse) {
    this.#context = context;
    this.#request = request;
    this.#response = response;
    this.#usage = { prompt: request.tokens.length, completion: 0, cached: 0 };
  }

  async run(): Promise<void> {
    const onClose = () => {
      for (const handle of this.#handles) handle.cancel();
    };
    this.#response.on('close', onClose);
    try {
      const choices = await Promise.all(
        Array.from({ length: this.#request.n }, (_, index) => this.#choice(index)),
      );
      if (this.#response.destroyed) return;
      if (this.#request.isStream) this.#endStream();
      else this.#answer(choices.filter((choice) => choice !== null));
    } catch (error) {
      onClose();
      if (!this.#response.headersSent) throw error;
      this.#send({
        error: { message: (error as Error).message, type: 'InternalServerError', param: null, code: 500 },
      });
      this.#response.end('data: [DONE]\n\n');
    }
  }

  /** Resolves with the whole choice, or null when it was streamed or cancelled. */
  #choice(index: number): Promise<Record<string, unknown> | null> {
    const { core, metrics } = this.#context;
    const choice = new Choice(core, this.#request);
    const kept: ChoiceEvent[] = [];
    const emit = (events: ChoiceEvent[]) => {
      if (this.#request.isStream) for (const event of events) this.#sendDelta(index, event);
      else kept.push(...events);
    };
    return new Promise((resolve, reject) => {
      const end = (reason: CoreFinish, error?: Error) => {
        metrics.ended(reason, performance.now() - this.#startedAt);
        if (reason === 'error') return reject(jobError(error));
        if (reason === 'cancelled' && !choice.isStopped) return resolve(null);
        const { events, finish } = choice.end(reason === 'length' ? 'length' : 'stop');
        emit(events);
        if (this.#request.isStream) this.#send(this.#chunk(finishChoice(this.#request, index, finish)));
        resolve(this.#request.isStream ? null : this.#whole(index, kept, finish));
      };
      const handle = core.submit({
        ...this.#job(index),
        onStart: (cached) => this.#started(index, cached),
        onToken: (token, logprobs) => {
          this.#counted();
          emit(choice.token(token, logprobs));
          if (choice.isStopped) handle.cancel();
        },
        onEnd: end,
      });
      this.#handles.push(handle);
    });
  }

  #job(index: number) {
    const { tokens, maxTokens, priority, cacheSalt, ignoreEos, stopTokens, logprobs, sampling } =
      this.#request;
    // Choices of one request must differ although they share a seed.
    const seeded =
      sampling.seed === undefined ? sampling : { ...sampling, seed: (sampling.seed + index) % 2 ** 32 };
    return {
      tokens,
      maxTokens,
      sampling: seeded,
      priority,
      cacheSalt,
      ignoreEos,
      stopTokens,
      ...(logprobs === null ? {} : { logprobs }),
    };
  }

  #started(index: number, cached: number): void {
    if (index === 0) this.#usage.cached = cached;
    if (!this.#request.isStream) return;
    if (!this.#response.headersSent)
      this.#response.writeHead(200, {
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-cache',
      });
    if (this.#request.kind === 'chat') {
      this.#send(
        this.#chunk({
          index,
          delta: { role: 'assistant', content: '' },
          logprobs: null,
          finish_reason: null,
        }),
      );
    }
  }

  #counted(): void {
    const now = performance.now();
    if (this.#lastTokenAt === null) this.#context.metrics.firstToken(now - this.#startedAt);
    else this.#context.metrics.nextToken(now - this.#lastTokenAt);
    this.#lastTokenAt = now;
    this.#usage.completion += 1;
  }

  #sendDelta(index: number, event: ChoiceEvent): void {
    this.#send(this.#chunk(deltaChoice(this.#context.core, this.#request, index, event, 0)));
  }

  #chunk(choice: Record<string, unknown>): Record<string, unknown> {
    return chunk(
      this.#request,
      this.#created,
      choice,
      this.#request.continuousUsage ? this.#usage : undefined,
    );
  }

  #whole(index: number, events: ChoiceEvent[], finish: ChoiceFinish): Record<string, unknown> {
    return wholeChoice(this.#context.core, this.#request, index, events, finish);
  }

  #send(value: unknown): void {
    this.#response.write(`data: ${JSON.stringify(value)}\n\n`);
  }

  #endStream(): void {
    if (this.#request.includeUsage) this.#send(chunk(this.#request, this.#created, null, this.#usage));
    this.#response.end('data: [DONE]\n\n');
  }

  #answer(choices: Record<string, unknown>[]): void {
    if (choices.length < this.#request.n) return;
    const body = JSON.stringify(wholeAnswer(this.#request, this.#created, choices, this.#usage));
    this.#response
      .writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
      .end(body);
  }
}

/** A grammar that cannot be compiled is the request's fault, everything else ours. */
function jobError(error: Error | undefined): ApiError {
  const message = error?.message ?? 'generation failed';
  return /grammar/i.test(message)
    ? new ApiError(400, 'BadRequestError', message)
    : new ApiError(500, 'InternalServerError', message);
}
