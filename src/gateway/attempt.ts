/** One try of a request on the worker it was placed on. */
import { DynamoError, toDynamoError } from '../errors.js';
import type { StreamControl, WorkerLink } from '../link/types.js';
import type { PreparedPrompt } from '../prompt/types.js';
import { CHAT_PATH, engineBody, engineSettings } from '../request/engine-body.js';
import { bodyWithChat } from '../request/engine-text.js';
import type { CommonRequest, StopReason, StreamEvent, Usage } from '../request/types.js';
import type { Outcome, Placement } from '../router/types.js';
import type { AnswerBlocks } from './answer-blocks.js';
import type { AnswerSoFar } from './answer-so-far.js';
import { completionBody, opensReasoning, wholeUsage } from './continued-body.js';
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

/** One attempt's own: what was told of the answer before it, null where it cannot be continued. */
export type Attempt = Job & {
  answer: AnswerSoFar | null;
  /** Ids of the answer's tokens that this worker is to go on from; empty where it says all of it. */
  said: readonly number[];
};

/**
 * Resolves with null when the answer was delivered whole, else with the failure, which was not delivered. The
 * placement is ended in every case, the engine's work is cancelled when the signal aborts. Rejects when the request
 * cannot even be written down.
 */
export function attempt(job: Attempt, placement: Placement): Promise<DynamoError | null> {
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
  readonly #job: Attempt;
  readonly #placement: Placement;
  readonly #settle: (error: DynamoError | null) => void;
  #control: StreamControl | undefined;
  #usage: Usage | null = null;
  #reason: StopReason = 'stop';
  /** The answer comes in one piece, so nothing tells when its first token was there. */
  #isWhole = false;
  /** Its prompt is computed. */
  #isComputed = false;
  #isOver = false;
  /** Kept only where the next turn may be prepared. */
  #blocks: AnswerBlocks | null = null;

  constructor(job: Attempt, placement: Placement, settle: (error: DynamoError | null) => void) {
    this.#job = job;
    this.#placement = placement;
    this.#settle = settle;
  }

  start(link: WorkerLink): void {
    const { request, deps, reply, meter, answer } = this.#job;
    const worker = this.#placement.worker;
    const isWhole = !request.stream && (deps.answersWhole?.(worker, request) ?? false);
    this.#isWhole = isWhole;
    const { path, pieces } = this.#body(worker, { isWhole });
    this.#blocks = this.#job.warming.begins(request, this.#placement.decision);
    reply.routed(this.#placement.decision);
    const filter = this.#filter(worker);
    const onEvent = (event: StreamEvent): void => {
      answer?.heard(event);
      if (filter === null) this.#onEvent(event);
      else for (const one of filter(event)) this.#onEvent(one);
    };
    if (this.#isRaw) this.#lead(onEvent);
    this.#control = link.stream(path, pieces, { onEvent, isWhole });
    reply.feed(this.#control);
    meter.forwarded(this.#placement.decision);
    // What has been said before takes its blocks here too.
    const { said } = this.#job;
    if (said.length > 0) this.#placement.grew(said.length);
  }

  /** The chat's JSON is at hand since its prompt was prepared; the rest of the body is small. */
  #body(worker: string, { isWhole }: { isWhole: boolean }): { path: string; pieces: Buffer[] } {
    const { request, prompt, deps, said } = this.#job;
    const isChat = request.input.kind === 'chat';
    if (this.#isRaw) {
      const { contextTokens } = deps.served;
      const { path, body } = completionBody(request, prompt, { said, contextTokens });
      const own = { ...deps.engineFields(worker, request, null), ...this.#continuationFields(worker) };
      const bytes = Buffer.from(JSON.stringify({ ...body, ...own, request_id: request.id }));
      return { path, pieces: [bytes] };
    }
    const fields = deps.engineFields(worker, request, isChat ? prompt : null);
    const own = { ...fields, ...this.#continuationFields(worker), request_id: request.id };
    if (isChat && prompt.chat !== undefined) {
      const settings = { ...engineSettings(request, { isWhole }), ...own };
      return { path: CHAT_PATH, pieces: bodyWithChat(settings, prompt.chat) };
    }
    const { path, body } = engineBody(request, { isWhole });
    return { path, pieces: [Buffer.from(JSON.stringify({ ...body, ...own }))] };
  }

  #continuationFields(worker: string): Record<string, unknown> {
    const { deps, answer } = this.#job;
    const fields = answer === null || this.#isWhole ? null : (deps.continuation?.(worker) ?? null);
    if (answer === null || fields === null) return {};
    const { said } = this.#job;
    const isGiven = said.length > 0 && fields.way === 'repeats';
    return { [fields.idsField]: true, ...(isGiven ? { [fields.continuedField]: said } : {}) };
  }

  /** The worker completes raw tokens: what it was told to go on from is said by us, and all of it is read here. */
  get #isRaw(): boolean {
    const { deps, said } = this.#job;
    return said.length > 0 && deps.continuation?.(this.#placement.worker)?.way === 'completes';
  }

  #filter(worker: string): ((event: StreamEvent) => StreamEvent[]) | null {
    const { deps, request, prompt } = this.#job;
    if (!this.#isRaw) return deps.outputFilter?.(worker, request) ?? null;
    const end = deps.textOf?.(prompt.tokens.subarray(-PROMPT_END_TOKENS)) ?? '';
    return deps.outputFilter?.(worker, request, { isOpened: opensReasoning(end) }) ?? null;
  }

  #lead(onEvent: (event: StreamEvent) => void): void {
    const { deps, said } = this.#job;
    onEvent({ type: 'text', choice: 0, text: deps.textOf?.(said) ?? '', tokenIds: [...said] });
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
    if (event.type === 'error') {
      this.#fail(event.error);
      return;
    }
    try {
      this.#pass(event);
    } catch (error) {
      this.#control?.cancel();
      this.#fail(toDynamoError(error));
    }
  }

  #pass(told: StreamEvent): void {
    const { reply, answer } = this.#job;
    // Attempts say all of the answer.
    this.#blocks?.push(told);
    const rest = answer === null ? told : answer.rest(told);
    if (rest === null) return;
    const event = rest.type === 'usage' && this.#isRaw ? this.#whole(rest.usage) : rest;
    if (!this.#isWhole) this.#count(event);
    if (event.type === 'usage') this.#usage = event.usage;
    if (event.type === 'finish' && event.choice === 0) this.#reason = event.reason;
    const shown = this.#isSpareCall(event) ? null : this.#shown(event);
    if (shown !== null) reply.push(shown);
    if (event.type === 'done') this.#finish();
  }

  #whole(usage: Usage): StreamEvent {
    return { type: 'usage', usage: wholeUsage(usage, this.#job.said.length) };
  }

  /** Token ids are asked for to continue an answer; a client that has not asked for them gets none. */
  #shown(event: StreamEvent): StreamEvent | null {
    if (event.type !== 'text' || event.tokenIds === undefined) return event;
    if (this.#job.request.extra['return_token_ids'] === true) return event;
    const { choice, text, logprobs } = event;
    if (logprobs !== undefined) return { type: 'text', choice, text, logprobs };
    return text === '' ? null : { type: 'text', choice, text };
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
    meter.output(event);
    const grown = meter.outputTokens - before;
    if (grown === 0) return;
    if (!this.#isComputed) {
      this.#isComputed = true;
      this.#placement.firstToken();
      this.#job.warming.ended(null);
    }
    this.#placement.grew(grown);
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
      answer: this.#blocks?.blocks() ?? null,
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

/** Enough to see whether a prompt ends within reasoning. */
const PROMPT_END_TOKENS = 8;

function lost(worker: string, detail: string): DynamoError {
  return new DynamoError('engine_lost', { worker, detail });
}
