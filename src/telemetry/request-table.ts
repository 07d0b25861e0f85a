/** Requests now running and the newest finished ones. */
import { LIMITS } from '../limits.js';
import type { RequestSnapshot, StampedEvent } from './types.js';

export interface RequestRow extends RequestSnapshot {
  reachableTokens: number;
}

export class RequestTable {
  readonly #active = new Map<string, RequestRow>();
  #recent: RequestRow[] = [];

  get active(): number {
    return this.#active.size;
  }

  get queued(): number {
    let queued = 0;
    for (const row of this.#active.values()) if (row.state === 'queued') queued += 1;
    return queued;
  }

  /** The row an event is about, already brought up to date; undefined for one nobody started. */
  apply(event: StampedEvent): RequestRow | undefined {
    if (event.type === 'request.started') return this.#start(event);
    if (!('id' in event)) return undefined;
    const row = this.#active.get(event.id) ?? this.#ended(event);
    if (row === undefined) return undefined;
    switch (event.type) {
      case 'request.routed':
        row.state = 'active';
        row.worker = event.worker;
        row.promptTokens = event.promptTokens;
        row.predictedTokens = event.predictedTokens;
        row.reachableTokens = event.reachableTokens;
        break;
      case 'request.first_token':
        row.ttftMs = event.ttftMs;
        break;
      case 'request.tokens':
        row.outputTokens += event.count;
        break;
      case 'request.finished':
        if (event.usage !== null) {
          row.promptTokens = event.usage.promptTokens;
          row.cachedTokens = event.usage.cachedTokens;
          row.outputTokens = event.usage.outputTokens;
        }
        this.#end(row, 'done');
        break;
      case 'request.explained':
        row.why = event.cause;
        break;
      case 'request.failed':
        this.#end(row, 'failed');
        break;
      case 'request.cancelled':
        this.#end(row, 'cancelled');
        break;
      case 'request.rejected':
        this.#end(row, 'rejected');
        break;
      default:
    }
    return row;
  }

  /** Newest first. */
  recent(): RequestSnapshot[] {
    return [...[...this.#active.values()].reverse(), ...this.#recent]
      .slice(0, LIMITS.recentRequests)
      .map(publicRow);
  }

  /** Of what is told after the end; looked up among the newest only. */
  #ended(event: StampedEvent & { id: string }): RequestRow | undefined {
    return event.type === 'request.explained' ? this.#recent.find(({ id }) => id === event.id) : undefined;
  }

  #start(event: Extract<StampedEvent, { type: 'request.started' }>): RequestRow {
    const row: RequestRow = {
      id: event.id,
      dialect: event.dialect,
      state: 'queued',
      session: event.session ?? null,
      worker: null,
      promptTokens: 0,
      cachedTokens: 0,
      predictedTokens: 0,
      reachableTokens: 0,
      outputTokens: 0,
      ttftMs: null,
      why: null,
      startedAt: event.at,
      harness: event.harness ?? 'unknown',
      role: event.role ?? 'main',
    };
    this.#active.set(event.id, row);
    return row;
  }

  #end(row: RequestRow, state: RequestRow['state']): void {
    row.state = state;
    this.#active.delete(row.id);
    this.#recent = [row, ...this.#recent.slice(0, LIMITS.recentRequests - 1)];
  }
}

function publicRow({ reachableTokens: _reachable, ...row }: RequestRow): RequestSnapshot {
  return row;
}
