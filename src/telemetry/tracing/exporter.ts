/**
 * Spans to a collector, beside everything else: one small post at a time, a bounded queue, and a count of what was lost. A
 * collector that is away is tried again, more and more rarely; one that refuses is not.
 */
import { LIMITS } from '../../limits.js';
import { otlpBody } from './otlp.js';
import type { Trace, TraceBook } from './trace-book.js';
import type { Attributes, TracingSnapshot } from './types.js';

export interface ExporterOptions {
  /** The collector's `/v1/traces`. */
  url: string;
  headers: Record<string, string>;
  resource: Attributes;
  book: TraceBook;
  /** Called when the figures have changed. */
  onChange(figures: TracingSnapshot): void;
}

/** How often is looked for requests that have ended. */
const TICK_MS = 250;
const RETRY_MS = { first: 1_000, longest: 30_000 };
/** Answers after which the same may work later. */
const RETRIED = new Set([408, 429, 500, 502, 503, 504]);

type Verdict = 'taken' | 'refused' | 'away';

export class TraceExporter {
  readonly #options: ExporterOptions;
  readonly #timer: NodeJS.Timeout;
  #queue: Trace[] = [];
  #posting: Promise<void> | null = null;
  #retryMs = 0;
  #retryAt = 0;
  #sent = 0;
  #lost = 0;
  #fault: string | null = null;
  #told = '';

  constructor(options: ExporterOptions) {
    this.#options = options;
    this.#tell();
    this.#timer = setInterval(() => this.#tick(), TICK_MS).unref();
  }

  figures(): TracingSnapshot {
    const { url } = this.#options;
    return { url, sent: this.#sent, lost: this.#lost, waiting: this.#queue.length, fault: this.#fault };
  }

  /** Sends what is left, for as long as a stop may take; what then still waits is lost. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    const deadline = performance.now() + LIMITS.traceCloseMs;
    await this.#posting;
    this.#collect();
    while (this.#queue.length > 0 && performance.now() < deadline) {
      if ((await this.#post(deadline - performance.now())) !== 'taken') break;
    }
    this.#lost += this.#queue.length;
    this.#queue = [];
    this.#tell();
  }

  #tick(): void {
    this.#collect();
    if (this.#posting === null && this.#queue.length > 0 && performance.now() >= this.#retryAt) {
      this.#posting = this.#drain().finally(() => {
        this.#posting = null;
      });
    }
    this.#tell();
  }

  #collect(): void {
    this.#queue.push(...this.#options.book.take());
    const over = this.#queue.length - LIMITS.tracesWaiting;
    if (over <= 0) return;
    // The oldest have waited longest for a collector that is away.
    this.#queue = this.#queue.slice(over);
    this.#lost += over;
  }

  async #drain(): Promise<void> {
    while (this.#queue.length > 0) {
      const verdict = await this.#post(LIMITS.tracePostMs);
      if (verdict === 'away') {
        this.#retryMs = Math.min(RETRY_MS.longest, Math.max(RETRY_MS.first, this.#retryMs * 2));
        this.#retryAt = performance.now() + this.#retryMs;
        return;
      }
      this.#retryMs = 0;
    }
  }

  async #post(timeoutMs: number): Promise<Verdict> {
    const { url, headers, resource } = this.#options;
    const batch = this.#queue.splice(0, LIMITS.tracesPerPost);
    const body = otlpBody(
      batch.flatMap(({ spans }) => spans),
      resource,
    );
    const { verdict, fault, refused } = await post(url, { body, headers, timeoutMs });
    this.#fault = fault;
    if (verdict === 'away') {
      this.#queue.unshift(...batch);
      return verdict;
    }
    const lost = verdict === 'refused' ? batch.length : Math.min(batch.length, refused);
    this.#lost += lost;
    this.#sent += batch.length - lost;
    return verdict;
  }

  #tell(): void {
    const figures = this.figures();
    const text = JSON.stringify(figures);
    if (text === this.#told) return;
    this.#told = text;
    this.#options.onChange(figures);
  }
}

/** `refused`: spans the collector left out of a batch it took otherwise. */
interface Answer {
  verdict: Verdict;
  fault: string | null;
  refused: number;
}

async function post(
  url: string,
  { body, headers, timeoutMs }: { body: string; headers: Record<string, string>; timeoutMs: number },
): Promise<Answer> {
  try {
    const signal = AbortSignal.timeout(Math.max(1, Math.round(timeoutMs)));
    const init = { method: 'POST', body, signal, redirect: 'error' as const };
    const response = await fetch(url, {
      ...init,
      headers: { ...headers, 'content-type': 'application/json' },
    });
    const text = (await response.text()).slice(0, 1_000);
    if (response.ok) return { verdict: 'taken', ...partial(text) };
    const fault = `the collector answered ${response.status}: ${text.slice(0, 200)}`;
    return { verdict: RETRIED.has(response.status) ? 'away' : 'refused', fault, refused: 0 };
  } catch (error) {
    const { message, cause } = error as Error;
    const reason = cause instanceof Error && cause.message !== '' ? cause.message : message;
    return { verdict: 'away', fault: `no answer from the collector: ${reason}`, refused: 0 };
  }
}

/** A collector may take a batch and leave spans out, with a word in the answer. */
function partial(text: string): Pick<Answer, 'fault' | 'refused'> {
  try {
    const { partialSuccess } = JSON.parse(text) as {
      partialSuccess?: { rejectedSpans?: string | number; errorMessage?: string };
    };
    const refused = Number(partialSuccess?.rejectedSpans ?? 0);
    if (!(refused > 0)) return { fault: null, refused: 0 };
    return {
      fault: `the collector left out ${refused} spans: ${partialSuccess?.errorMessage ?? ''}`,
      refused,
    };
  } catch {
    return { fault: null, refused: 0 };
  }
}
