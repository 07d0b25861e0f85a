/** Clock and book of one request: what happened when, told to telemetry. */
import type { DynamoError } from '../errors.js';
import { LIMITS } from '../limits.js';
import type { CommonRequest, StopReason, StreamEvent, Usage } from '../request/types.js';
import type { Decision } from '../router/types.js';
import type { TelemetryEvent } from '../telemetry/types.js';

type Emit = (event: TelemetryEvent) => void;

/** Who sends a request, beyond what its body says. */
export interface Sender {
  model: string;
  harness: string;
  role: string;
  /** The W3C header `traceparent`. */
  traceParent: string | undefined;
}

/** Milliseconds everywhere. Exactly one of `finished`, `failed`, `cancelled` and `rejected` ends it; later ones are ignored. */
export class RequestMeter {
  readonly id: string;
  readonly #emit: Emit;
  readonly #arrivedAt = performance.now();
  #readAt = this.#arrivedAt;
  #preparedAt = this.#arrivedAt;
  #forwardedAt = 0;
  #firstAt: number | null = null;
  #lastAt = 0;
  #reportedAt = 0;
  #pendingTokens = 0;
  #pendingItl: number[] = [];
  #outputTokens = 0;
  #decision: Decision | null = null;
  #isEnded = false;
  #usage: Usage | null = null;

  constructor(id: string, emit: Emit) {
    this.id = id;
    this.#emit = emit;
  }

  /** Output tokens seen so far: one per event, unless the engine told the ids. */
  get outputTokens(): number {
    return this.#outputTokens;
  }

  /** As the engine reported it; null before the end. */
  get usage(): Usage | null {
    return this.#usage;
  }

  get ttftMs(): number | null {
    return this.#firstAt === null ? null : this.#firstAt - this.#arrivedAt;
  }

  /** Mean time between output tokens. */
  get itlMs(): number | null {
    if (this.#firstAt === null || this.#outputTokens < 2) return null;
    return (this.#lastAt - this.#firstAt) / (this.#outputTokens - 1);
  }

  /** The whole body is here: what follows is our own time. */
  bodyRead(): void {
    this.#readAt = performance.now();
  }

  started(request: CommonRequest, sender: Sender): void {
    const { session, dialect, stream } = request;
    const { traceParent, ...who } = sender;
    this.#emit({
      type: 'request.started',
      id: this.id,
      dialect,
      ...who,
      ...(traceParent === undefined ? {} : { traceParent }),
      ...(session === undefined ? {} : { session: session.id }),
      isStream: stream,
    });
  }

  /** Its prompt is rendered, tokenized and cut into blocks: the router's turn. */
  prepared(): void {
    this.#preparedAt = performance.now();
  }

  /** Its worker failed it; what follows is our own time until another has it. */
  broken(): void {
    this.#readAt = performance.now();
  }

  continued(step: { from: string; to: string; tokens: number; reason: string }): void {
    this.#emit({ type: 'request.continued', id: this.id, ...step });
  }

  /** The request is on its way to the worker. */
  forwarded(decision: Decision): void {
    this.#forwardedAt = performance.now();
    this.#decision = decision;
    const { worker, promptTokens, predictedTokens, predictedByTier, reachableTokens } = decision;
    const { queueMs, decideMs } = decision;
    this.#emit({
      type: 'request.routed',
      id: this.id,
      worker,
      promptTokens,
      predictedTokens,
      predictedByTier,
      reachableTokens,
      queueMs,
      decideMs,
      preparedMs: this.#preparedAt - this.#arrivedAt,
      forwardedMs: this.#forwardedAt - this.#arrivedAt,
      overheadMs: Math.max(0, this.#forwardedAt - this.#readAt - queueMs),
    });
  }

  /** Counts output. */
  output(event: StreamEvent): void {
    const tokens = tokensOf(event);
    if (tokens === 0) return;
    const now = performance.now();
    const isFirst = this.#firstAt === null;
    if (isFirst) {
      this.#firstAt = now;
      this.#reportedAt = now;
      this.#emit({ type: 'request.first_token', id: this.id, ttftMs: now - this.#arrivedAt });
    } else this.#pendingItl.push((now - this.#lastAt) / tokens);
    this.#lastAt = now;
    this.#outputTokens += tokens;
    this.#pendingTokens += tokens;
    if (now - this.#reportedAt >= LIMITS.tokenReportMs) this.#report(now);
  }

  finished(usage: Usage | null, stopReason: StopReason): void {
    this.#usage = usage;
    // The engine counts what no event carried, the end token for one.
    this.#pendingTokens += Math.max(0, (usage?.outputTokens ?? 0) - this.#outputTokens);
    this.#end(() => ({ type: 'request.finished', id: this.id, usage, e2eMs: this.#age(), stopReason }));
  }

  failed(error: DynamoError): void {
    const { code, message } = error;
    this.#end(() => ({ type: 'request.failed', id: this.id, code, message, e2eMs: this.#age() }));
  }

  cancelled(): void {
    this.#end(() => ({ type: 'request.cancelled', id: this.id, e2eMs: this.#age() }));
  }

  rejected(error: DynamoError): void {
    const { code, message } = error;
    this.#end(() => ({ type: 'request.rejected', id: this.id, code, message }));
  }

  /** `nvext` of the answer, with the fields that were asked for. */
  extension(fields: readonly string[]): Record<string, unknown> {
    const out: Record<string, unknown> = {};
    const worker = this.#decision?.worker ?? null;
    if (fields.includes('worker_id'))
      out['worker_id'] = { prefill_worker_id: worker, decode_worker_id: worker };
    if (fields.includes('timing')) {
      out['timing'] = {
        ttft_ms: this.ttftMs,
        itl_ms: this.itlMs,
        queue_ms: this.#decision?.queueMs ?? null,
        total_ms: this.#age(),
      };
    }
    return out;
  }

  #age(): number {
    return performance.now() - this.#arrivedAt;
  }

  #report(now: number): void {
    if (this.#pendingTokens === 0) return;
    const [count, itlMs] = [this.#pendingTokens, this.#pendingItl];
    this.#pendingTokens = 0;
    this.#pendingItl = [];
    this.#reportedAt = now;
    this.#emit({ type: 'request.tokens', id: this.id, count, itlMs });
  }

  #end(event: () => TelemetryEvent): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#report(performance.now());
    this.#emit(event());
  }
}

/** Engines send a token per event; only ids tell exactly. */
function tokensOf(event: StreamEvent): number {
  if ('tokenIds' in event && event.tokenIds !== undefined) return event.tokenIds.length;
  if (event.type === 'text') return event.text === '' ? 0 : 1;
  return event.type === 'thinking' || event.type === 'tool_start' || event.type === 'tool_delta' ? 1 : 0;
}
