/**
 * Tokens and cached tokens of each kind of region, told after a request is over. Finding regions renders the chat again,
 * so it never happens in a request's way: one prompt at a time, and most of the time between two is left to requests.
 */
import { LIMITS } from '../limits.js';
import type { PreparedPrompt, Region } from '../prompt/types.js';
import { noTokensByKind } from '../telemetry/kinds.js';
import type { TelemetryEvent, TokensByKind } from '../telemetry/types.js';

interface Waiting {
  id: string;
  prompt: PreparedPrompt;
  /** As the engine reported them: the prefix of the prompt. */
  cachedTokens: number;
}

/** Pause after a prompt, as a multiple of the time it took: one percent of the event loop at most. */
const REST = 99;

/** One writer, bounded: when requests end faster than that, the oldest are told by the share of their text. */
export class RegionTally {
  readonly #emit: (event: TelemetryEvent) => void;
  readonly #waiting: Waiting[] = [];
  #timer: NodeJS.Timeout | null = null;

  constructor(emit: (event: TelemetryEvent) => void) {
    this.#emit = emit;
  }

  add(waiting: Waiting): void {
    if (waiting.prompt.tokens.length === 0) return;
    // A long prompt is told at once by the share of its text: that is quick, and waiting would hold its whole body.
    if (waiting.prompt.tokens.length > LIMITS.regionTallyTokens) {
      this.#tell(waiting, false);
      return;
    }
    this.#waiting.push(waiting);
    if (this.#waiting.length > LIMITS.regionTallies) this.#tell(this.#waiting.shift()!, false);
    this.#timer ??= this.#later(0);
  }

  /** Nothing is told any more. */
  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#waiting.length = 0;
  }

  #later(ms: number): NodeJS.Timeout {
    return setTimeout(() => this.#next(), ms).unref();
  }

  #next(): void {
    this.#timer = null;
    const next = this.#waiting.shift();
    if (next === undefined) return;
    const startedAt = performance.now();
    this.#tell(next, true);
    if (this.#waiting.length > 0) this.#timer = this.#later((performance.now() - startedAt) * REST);
  }

  #tell({ id, prompt, cachedTokens }: Waiting, isExact: boolean): void {
    const rough = isExact ? null : (prompt.roughRegions?.() ?? null);
    try {
      const kinds = tokensByKind(rough ?? prompt.regions, cachedTokens);
      this.#emit({
        type: 'request.regions',
        id,
        kinds,
        isExact: rough === null && prompt.source === 'local',
      });
    } catch (error) {
      const message = `The regions of a prompt could not be told: ${String(error)}`;
      this.#emit({ type: 'warning', code: 'regions_unknown', message, request: id });
    }
  }
}

/** The cached tokens are the first ones of the prompt. */
export function tokensByKind(regions: readonly Region[], cachedTokens: number): TokensByKind {
  const kinds = noTokensByKind();
  for (const { kind, start, end } of regions) {
    kinds[kind].tokens += end - start;
    kinds[kind].cached += Math.max(0, Math.min(end, cachedTokens) - start);
  }
  return kinds;
}
