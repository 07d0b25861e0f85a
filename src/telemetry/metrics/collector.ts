/** What the metrics count beyond the snapshot: requests by how they ended, and distributions, for the whole and per worker. */
import { ERRORS } from '../../errors.js';
import type { DialectName } from '../../request/types.js';
import type { EventCounts } from '../../router/types.js';
import type { StampedEvent } from '../types.js';
import { type Histograms, histograms } from './buckets.js';
import type { Labels } from './types.js';

/** Distributions over all requests. Seconds, tokens, shares (0..1) and, for the router, milliseconds. */
const OF_ALL = {
  firstToken: 'firstToken',
  interToken: 'interToken',
  request: 'request',
  queue: 'wait',
  overhead: 'wait',
  promptTokens: 'tokens',
  cachedTokens: 'tokens',
  outputTokens: 'tokens',
  predictedShare: 'share',
  decideMs: 'decide',
} as const;

/** Distributions of one worker's requests. */
const OF_WORKER = {
  firstToken: 'firstToken',
  interToken: 'interToken',
  request: 'request',
  queue: 'wait',
  prefill: 'firstToken',
  decode: 'request',
  promptTokens: 'tokens',
  outputTokens: 'tokens',
} as const;

export interface WorkerTally {
  requests: number;
  cancelled: number;
  /** Failures by `errorTypeOf`. */
  errors: Map<string, number>;
  /** Answers by why they ended, in vLLM's words. */
  finished: Map<string, number>;
  of: Histograms<keyof typeof OF_WORKER>;
}

/** A request between its start and its end. */
interface Live {
  endpoint: string;
  requestType: string;
  worker: string | null;
  queueMs: number;
  forwardedMs: number;
  ttftMs: number | null;
  /** What was said so far goes on at the next worker it is sent to. */
  isContinued: boolean;
}

/** Where requests are that have no first token yet. */
export type Stage = 'route' | 'dispatch';

export class MetricsCollector {
  readonly of: Histograms<keyof typeof OF_ALL> = histograms(OF_ALL);
  /** KV events applied to the index, by what they say. */
  events: EventCounts = { stored: 0, removed: 0, cleared: 0, evictedBlocks: 0 };
  /** Requests that went to another worker because theirs was lost: from the beginning, or from where it broke off. */
  readonly migrations = { new_request: 0, ongoing_request: 0 };
  readonly #live = new Map<string, Live>();
  readonly #ended = new Map<string, { labels: Labels; count: number }>();
  readonly #workers = new Map<string, WorkerTally>();

  apply(event: StampedEvent): void {
    if (event.type === 'request.started') {
      const { id, dialect, isStream } = event;
      this.#live.set(id, newLive(dialect, isStream));
      return;
    }
    if (event.type === 'index.stats') this.events = event.events;
    if (!('id' in event)) return;
    const live = this.#live.get(event.id);
    if (live === undefined) {
      // Refused before it could be read.
      if (event.type === 'request.rejected') this.#end(UNREAD, errorTypeOf(event.code));
      return;
    }
    this.#request(event, live);
  }

  /** Requests that have ended, by endpoint, kind and outcome. */
  ended(): readonly { labels: Labels; count: number }[] {
    return [...this.#ended.values()];
  }

  stages(): Record<Stage, number> {
    const stages = { route: 0, dispatch: 0 };
    for (const { worker, ttftMs } of this.#live.values())
      if (ttftMs === null) stages[worker === null ? 'route' : 'dispatch'] += 1;
    return stages;
  }

  /** By worker id, in the order they first served. */
  workers(): ReadonlyMap<string, WorkerTally> {
    return this.#workers;
  }

  #request(event: StampedEvent & { id: string }, live: Live): void {
    const worker = live.worker === null ? null : this.#tally(live.worker);
    switch (event.type) {
      case 'request.routed':
        this.#routed(event, live);
        break;
      case 'request.continued':
        live.isContinued = true;
        break;
      case 'request.first_token':
        live.ttftMs = event.ttftMs;
        this.of.firstToken.add(event.ttftMs / 1000);
        worker?.of.firstToken.add(event.ttftMs / 1000);
        worker?.of.prefill.add((event.ttftMs - live.forwardedMs) / 1000);
        break;
      case 'request.tokens':
        for (const gap of event.itlMs) {
          this.of.interToken.add(gap / 1000);
          worker?.of.interToken.add(gap / 1000);
        }
        break;
      case 'request.finished':
        this.#finished(event, live, worker);
        this.#over(event, live, '');
        break;
      case 'request.failed': {
        const errorType = errorTypeOf(event.code);
        if (worker !== null) add(worker.errors, errorType);
        this.#over(event, live, errorType);
        break;
      }
      case 'request.cancelled':
        if (worker !== null) worker.cancelled += 1;
        this.#over(event, live, 'cancelled');
        break;
      case 'request.rejected':
        this.#end(live, errorTypeOf(event.code));
        this.#live.delete(event.id);
        break;
      default:
    }
  }

  /** A second try on another worker counts there too. */
  #routed(event: Extract<StampedEvent, { type: 'request.routed' }>, live: Live): void {
    if (live.worker !== null) this.migrations[live.isContinued ? 'ongoing_request' : 'new_request'] += 1;
    live.isContinued = false;
    live.worker = event.worker;
    live.queueMs = event.queueMs;
    live.forwardedMs = event.forwardedMs;
    this.#tally(event.worker).requests += 1;
    this.of.queue.add(event.queueMs / 1000);
    this.of.overhead.add(event.overheadMs / 1000);
    this.of.decideMs.add(event.decideMs);
    if (event.promptTokens > 0)
      this.of.predictedShare.add(Math.min(1, event.predictedTokens / event.promptTokens));
  }

  #finished(
    { usage, stopReason, e2eMs }: Extract<StampedEvent, { type: 'request.finished' }>,
    live: Live,
    worker: WorkerTally | null,
  ): void {
    if (usage !== null) {
      this.of.promptTokens.add(usage.promptTokens);
      this.of.cachedTokens.add(usage.cachedTokens);
      this.of.outputTokens.add(usage.outputTokens);
      worker?.of.promptTokens.add(usage.promptTokens);
      worker?.of.outputTokens.add(usage.outputTokens);
    }
    if (worker === null) return;
    add(worker.finished, stopReason === 'length' ? 'length' : 'stop');
    worker.of.queue.add(live.queueMs / 1000);
    if (live.ttftMs !== null) worker.of.decode.add((e2eMs - live.ttftMs) / 1000);
  }

  #over({ id, e2eMs }: { id: string; e2eMs: number }, live: Live, errorType: string): void {
    this.of.request.add(e2eMs / 1000);
    if (live.worker !== null) this.#tally(live.worker).of.request.add(e2eMs / 1000);
    this.#end(live, errorType);
    this.#live.delete(id);
  }

  #end({ endpoint, requestType }: Pick<Live, 'endpoint' | 'requestType'>, errorType: string): void {
    const key = `${endpoint} ${requestType} ${errorType}`;
    const known = this.#ended.get(key);
    if (known !== undefined) {
      known.count += 1;
      return;
    }
    const status = errorType === '' ? 'success' : 'error';
    const labels = { endpoint, request_type: requestType, status, error_type: errorType };
    this.#ended.set(key, { labels, count: 1 });
  }

  #tally(worker: string): WorkerTally {
    const known = this.#workers.get(worker);
    if (known !== undefined) return known;
    const made: WorkerTally = {
      requests: 0,
      cancelled: 0,
      errors: new Map(),
      finished: new Map(),
      of: histograms(OF_WORKER),
    };
    this.#workers.set(worker, made);
    return made;
  }
}

const UNREAD = { endpoint: 'unknown', requestType: 'unknown' };

/** NVIDIA Dynamo's names of the routes. */
const ENDPOINTS: Record<DialectName, string> = {
  chat: 'chat_completions',
  completions: 'completions',
  messages: 'anthropic_messages',
  responses: 'responses',
};

function newLive(dialect: DialectName, isStream: boolean): Live {
  return {
    endpoint: ENDPOINTS[dialect],
    requestType: isStream ? 'stream' : 'unary',
    worker: null,
    queueMs: 0,
    forwardedMs: 0,
    ttftMs: null,
    isContinued: false,
  };
}

/** NVIDIA Dynamo's `error_type`: `validation`, `not_found`, `not_implemented`, `overload` or `internal`. */
export function errorTypeOf(code: string): string {
  const status = code in ERRORS ? ERRORS[code as keyof typeof ERRORS].status : 500;
  if (status === 404) return 'not_found';
  if (status === 501) return 'not_implemented';
  if (status === 429 || status === 503 || status === 529) return 'overload';
  return status < 500 ? 'validation' : 'internal';
}

function add(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
