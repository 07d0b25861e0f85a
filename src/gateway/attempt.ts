/** One try of a request on the worker it was placed on. */
import { DynamoError, toDynamoError } from '../errors.js';
import type { StreamControl, WorkerLink } from '../link/types.js';
import type { PreparedPrompt } from '../prompt/types.js';
import { CHAT_PATH, engineBody, engineSettings } from '../request/engine-body.js';
import { bodyWithChat } from '../request/engine-text.js';
import type { CommonRequest, StopReason, StreamEvent, Usage } from '../request/types.js';
import type { Outcome, Placement } from '../router/types.js';
import type { AnswerBlocks } from './answer-blocks.js';
import type { Reply } from './reply.js';
import type { RequestMeter } from './request-meter.js';
import type { GatewayDeps } from './types.js';
import type { Warming } from './warming.js';

export interface Job {
  request: CommonRequest;
  prompt: PreparedPrompt;
  reply: Reply;
  meter: RequestMeter;
  deps: GatewayDeps;
  warming: Warming;
  /** Aborts when the client is gone or the gateway closes. */
  signal: AbortSignal;
}

/**
 * Resolves with null when the answer was delivered whole, else with the failure, which was not delivered. The
 * placement is ended in every case, the engine's work is cancelled when the signal aborts. Rejects when the request
 * cannot even be written down.
 */
export function attempt(job: Job, placement: Placement): Promise<DynamoError | null> {
  const { signal, deps } = job;
  const link = deps.link(placement.worker);
  if (link === undefined) {
    placement.abandon();
    return Promise.resolve(lost(placement.worker, 'it is no longer there'));
  }
  return new Promise((resolve, reject) => {
    const run = new Run(job, placement, (error) => {
      signal.removeEventListener('abort', onAbort);
      resolve(error);
    });
    const onAbort = () => run.cancel(toDynamoError(signal.reason));
    if (signal.aborted) {
      run.cancel(toDynamoError(signal.reason));
      return;
    }
    signal.addEventListener('abort', onAbort);
    try {
      run.start(link);
    } catch (error) {
      signal.removeEventListener('abort', onAbort);
      placement.abandon();
      reject(error);
    }
  });
}

class Run {
  readonly #job: Job;
  readonly #placement: Placement;
  readonly #settle: (error: DynamoError | null) => void;
  #control: StreamControl | undefined;
  #usage: Usage | null = null;
  #reason: StopReason = 'stop';
  /** The answer comes in one piece, so nothing tells when its first token was there. */
  #isWhole = false;
  #isOver = false;
  /** Kept only where the next turn may be prepared. */
  #answer: AnswerBlocks | null = null;

  constructor(job: Job, placement: Placement, settle: (error: DynamoError | null) => void) {
    this.#job = job;
    this.#placement = placement;
    this.#settle = settle;
  }

  start(link: WorkerLink): void {
    const { request, deps, reply, meter } = this.#job;
    const worker = this.#placement.worker;
    const isWhole = !request.stream && (deps.answersWhole?.(worker, request) ?? false);
    this.#isWhole = isWhole;
    const { path, pieces } = this.#body(worker, { isWhole });
    this.#answer = this.#job.warming.begins(request, this.#placement.decision);
    reply.routed(this.#placement.decision);
    const filter = deps.outputFilter?.(worker, request) ?? null;
    const onEvent = (event: StreamEvent): void => {
      if (filter === null) this.#onEvent(event);
      else for (const one of filter(event)) this.#onEvent(one);
    };
    this.#control = link.stream(path, pieces, { onEvent, isWhole });
    reply.feed(this.#control);
    meter.forwarded(this.#placement.decision);
  }

  /** The chat's JSON is at hand since its prompt was prepared; the rest of the body is small. */
  #body(worker: string, { isWhole }: { isWhole: boolean }): { path: string; pieces: Buffer[] } {
    const { request, prompt, deps } = this.#job;
    const isChat = request.input.kind === 'chat';
    const fields = deps.engineFields(worker, request, isChat ? prompt : null);
    const own = { ...fields, request_id: request.id };
    if (isChat && prompt.chat !== undefined) {
      const settings = { ...engineSettings(request, { isWhole }), ...own };
      return { path: CHAT_PATH, pieces: bodyWithChat(settings, prompt.chat) };
    }
    const { path, body } = engineBody(request, { isWhole });
    return { path, pieces: [Buffer.from(JSON.stringify({ ...body, ...own }))] };
  }

  cancel(error: DynamoError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#control?.cancel();
    this.#placement.abandon();
    this.#job.warming.ended(null);
    this.#settle(error);
  }

  #onEvent(event: StreamEvent): void {
    if (this.#isOver) return;
    const { reply } = this.#job;
    if (event.type === 'error') {
      this.#fail(event.error);
      return;
    }
    if (!this.#isWhole) this.#count(event);
    this.#answer?.push(event);
    if (event.type === 'usage') this.#usage = event.usage;
    if (event.type === 'finish' && event.choice === 0) this.#reason = event.reason;
    if (this.#isSpareCall(event)) return;
    try {
      reply.push(event);
    } catch (error) {
      this.#control?.cancel();
      this.#fail(toDynamoError(error));
      return;
    }
    if (event.type === 'done') this.#finish();
  }

  /** A client that takes one call at a time gets the first, as from vLLM; not every engine holds to it. */
  #isSpareCall(event: StreamEvent): boolean {
    const { request, deps } = this.#job;
    if (request.parallelToolCalls || !('index' in event) || event.index === 0) return false;
    if (event.type === 'tool_start') {
      const message = `a call of ${event.name} beside another was left out: the client takes one at a time`;
      deps.emit({ type: 'warning', code: 'call_dropped', message, request: request.id });
    }
    return true;
  }

  #count(event: StreamEvent): void {
    const { meter } = this.#job;
    const before = meter.outputTokens;
    if (meter.output(event)) {
      this.#placement.firstToken();
      this.#job.warming.ended(null);
    }
    const grown = meter.outputTokens - before;
    if (grown > 0) this.#placement.grew(grown);
  }

  #finish(): void {
    this.#isOver = true;
    this.#placement.finish(this.#outcome(false));
    const { request, prompt, meter, warming } = this.#job;
    meter.finished(this.#usage, this.#reason);
    warming.ended({
      request,
      prompt,
      worker: this.#placement.worker,
      usage: this.#usage,
      reason: this.#reason,
      answer: this.#answer?.blocks() ?? null,
    });
    this.#settle(null);
  }

  #fail(error: DynamoError): void {
    this.#isOver = true;
    this.#placement.finish(this.#outcome(true));
    this.#job.warming.ended(null);
    this.#settle(error);
  }

  #outcome(failed: boolean): Outcome {
    const { meter, prompt } = this.#job;
    return {
      requestId: meter.id,
      worker: this.#placement.worker,
      ttftMs: meter.ttftMs,
      itlMs: meter.itlMs,
      promptTokens: this.#usage?.promptTokens ?? prompt.tokens.length,
      cachedTokens: this.#usage?.cachedTokens ?? 0,
      outputTokens: this.#usage?.outputTokens ?? meter.outputTokens,
      failed,
    };
  }
}

function lost(worker: string, detail: string): DynamoError {
  return new DynamoError('engine_lost', { worker, detail });
}
