/** The workers' rows of the snapshot. */
import { RollingSum } from './rolling.js';
import type { StampedEvent, WorkerSnapshot } from './types.js';

const SPEED_WINDOW_MS = 10_000;
const HISTORY_MS = 60_000;
const HISTORY_BUCKETS = 30;

interface Row extends WorkerSnapshot {
  speed: RollingSum;
  history: RollingSum;
}

export class WorkerTable {
  readonly #rows = new Map<string, Row>();

  apply(event: StampedEvent): void {
    if (!('worker' in event) || event.worker === undefined) return;
    const row = this.row(event.worker);
    switch (event.type) {
      case 'worker.state':
        this.#state(row, event);
        break;
      case 'worker.info':
        row.engine = event.engine;
        row.engineVersion = event.engineVersion;
        if (event.abilities !== undefined) row.abilities = event.abilities;
        row.gpus = event.gpus;
        row.kv.blockTokens = event.blockTokens;
        row.kv.blocksTotal = event.blocksTotal;
        break;
      case 'worker.load':
        row.active.waiting = event.waiting;
        row.kv.blocksUsed = Math.round(Math.min(1, Math.max(0, event.kvUsage)) * row.kv.blocksTotal);
        break;
      case 'feed.state':
        row.feed = event.state;
        break;
      case 'booking.load':
        row.active.requests = event.requests;
        row.active.prefillTokens = event.prefillTokens;
        row.active.decodeBlocks = event.decodeBlocks;
        break;
      default:
    }
  }

  /** Tokens of one finished request, as its engine counted them. */
  finished(worker: string, tokens: { prompt: number; cached: number }): void {
    const row = this.row(worker);
    row.promptTokens += tokens.prompt;
    row.cachedTokens += tokens.cached;
  }

  generated(worker: string, at: number, tokens: number): void {
    const row = this.row(worker);
    row.generatedTokens += tokens;
    row.speed.add(at, tokens);
    row.history.add(at, tokens);
  }

  snapshot(now: number): WorkerSnapshot[] {
    return [...this.#rows.values()].map(({ speed, history, ...row }) => ({
      ...row,
      kv: { ...row.kv },
      active: { ...row.active },
      tokensPerSecond: Math.round((speed.sum(now) / (SPEED_WINDOW_MS / 1000)) * 10) / 10,
      speedHistory: history.values(now).map((tokens) => tokens / (HISTORY_MS / HISTORY_BUCKETS / 1000)),
    }));
  }

  row(id: string): Row {
    const known = this.#rows.get(id);
    if (known !== undefined) return known;
    const row = emptyRow(id);
    this.#rows.set(id, row);
    return row;
  }

  #state(row: Row, event: Extract<StampedEvent, { type: 'worker.state' }>): void {
    if (event.state === 'restarting' && row.state !== 'restarting') row.restarts += 1;
    if (event.reason !== undefined && event.state !== 'ready') row.lastError = event.reason;
    row.state = event.state;
    row.phase = event.phase ?? row.phase;
    row.url = event.url ?? row.url;
    row.pid = event.pid ?? (event.state === 'ready' || event.state === 'starting' ? row.pid : null);
    if (event.state !== 'ready') row.kv.blocksUsed = 0;
  }
}

function emptyRow(id: string): Row {
  return {
    id,
    engine: '',
    engineVersion: '',
    state: 'starting',
    phase: '',
    pid: null,
    url: '',
    gpus: [],
    feed: 'none',
    kv: { blockTokens: 0, blocksTotal: 0, blocksUsed: 0 },
    active: { requests: 0, waiting: 0, prefillTokens: 0, decodeBlocks: 0 },
    promptTokens: 0,
    cachedTokens: 0,
    generatedTokens: 0,
    tokensPerSecond: 0,
    speedHistory: [],
    restarts: 0,
    lastError: null,
    speed: new RollingSum(SPEED_WINDOW_MS, 20),
    history: new RollingSum(HISTORY_MS, HISTORY_BUCKETS),
  };
}
