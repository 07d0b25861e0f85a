/** The run in steps of equal length, for the report: at most 240 of them, each of twice the length when they run out. */
import type { StampedEvent } from './types.js';

/** Sums of one step. Steps in which nothing happened are left out. */
export interface HistoryPoint {
  /** Unix milliseconds at which the step began. */
  at: number;
  requests: number;
  promptTokens: number;
  cachedTokens: number;
  reachableTokens: number;
  generatedTokens: number;
  /** Of the requests whose first token came in the step. */
  firstTokens: number;
  ttftMs: number;
  /** Prompt tokens read from each tier below the engines' own memory. */
  tierTokens: Record<string, number>;
}

export interface RunHistory {
  stepMs: number;
  points: HistoryPoint[];
}

const FIRST_STEP_MS = 1_000;
const POINTS_MAX = 240;

export class HistoryBook {
  #stepMs = FIRST_STEP_MS;
  #points: HistoryPoint[] = [];
  readonly #reachable = new Map<string, number>();
  readonly #tierTokens = new Map<string, number>();

  apply(event: StampedEvent): void {
    switch (event.type) {
      case 'request.routed':
        this.#reachable.set(event.id, event.reachableTokens);
        break;
      case 'request.first_token': {
        const point = this.#point(event.at);
        point.firstTokens += 1;
        point.ttftMs += event.ttftMs;
        break;
      }
      case 'request.tokens':
        this.#point(event.at).generatedTokens += event.count;
        break;
      case 'request.finished':
        this.#finished(event);
        break;
      case 'request.failed':
      case 'request.cancelled':
      case 'request.rejected':
        this.#reachable.delete(event.id);
        break;
      case 'tier.stats':
        for (const { name, hitTokens } of event.tiers) this.#tier(event.at, name, hitTokens);
        break;
      default:
    }
  }

  history(): RunHistory {
    return { stepMs: this.#stepMs, points: structuredClone(this.#points) };
  }

  #finished({ id, at, usage }: Extract<StampedEvent, { type: 'request.finished' }>): void {
    const reachable = this.#reachable.get(id) ?? 0;
    this.#reachable.delete(id);
    const point = this.#point(at);
    point.requests += 1;
    if (usage === null) return;
    point.promptTokens += usage.promptTokens;
    point.cachedTokens += usage.cachedTokens;
    point.reachableTokens += Math.min(reachable, usage.promptTokens);
  }

  /** Tiers tell sums since the start. */
  #tier(at: number, name: string, hitTokens: number): void {
    const grown = hitTokens - (this.#tierTokens.get(name) ?? 0);
    this.#tierTokens.set(name, hitTokens);
    if (grown <= 0) return;
    const { tierTokens } = this.#point(at);
    tierTokens[name] = (tierTokens[name] ?? 0) + grown;
  }

  /** A clock that was set back adds to the newest step. */
  #point(at: number): HistoryPoint {
    const last = this.#points.at(-1);
    const start = Math.floor(at / this.#stepMs) * this.#stepMs;
    if (last !== undefined && start <= last.at) return last;
    const first = this.#points[0];
    if (first !== undefined && (start - first.at) / this.#stepMs >= POINTS_MAX) {
      this.#double();
      return this.#point(at);
    }
    const made = emptyPoint(start);
    this.#points.push(made);
    return made;
  }

  #double(): void {
    this.#stepMs *= 2;
    const merged: HistoryPoint[] = [];
    for (const point of this.#points) {
      const start = Math.floor(point.at / this.#stepMs) * this.#stepMs;
      const last = merged.at(-1);
      if (last?.at === start) addPoint(last, point);
      else merged.push({ ...point, at: start });
    }
    this.#points = merged;
  }
}

export function emptyPoint(at: number): HistoryPoint {
  const tokens = { promptTokens: 0, cachedTokens: 0, reachableTokens: 0, generatedTokens: 0 };
  return { at, requests: 0, ...tokens, firstTokens: 0, ttftMs: 0, tierTokens: {} };
}

function addPoint(sum: HistoryPoint, more: HistoryPoint): void {
  sum.requests += more.requests;
  sum.promptTokens += more.promptTokens;
  sum.cachedTokens += more.cachedTokens;
  sum.reachableTokens += more.reachableTokens;
  sum.generatedTokens += more.generatedTokens;
  sum.firstTokens += more.firstTokens;
  sum.ttftMs += more.ttftMs;
  for (const [tier, tokens] of Object.entries(more.tierTokens))
    sum.tierTokens[tier] = (sum.tierTokens[tier] ?? 0) + tokens;
}
