/** Lifetimes that clients asked for, looked after on engines that know none: touched in time, and told whether they held. */
import { LIMITS } from '../limits.js';
import { hasMarks } from '../retention/cache-writes.js';
import { PromiseBook } from '../retention/promise-book.js';
import { cacheMarks, type MarkedPrefix } from '../retention/spans.js';
import type { WarmJob } from '../retention/types.js';
import type { Outlook } from '../retention/warm-scheduler.js';
import type { Answered } from './warming.js';

export interface KeepWarmPorts {
  /** KV blocks of a worker; 0 = unknown. */
  kvBlocks(worker: string): number;
  add(job: WarmJob): void;
  outlook(job: WarmJob): Outlook | null;
  ended(isKept: boolean): void;
  /** Milliseconds of a steady clock. */
  now(): number;
}

export class KeepWarm {
  readonly #ports: KeepWarmPorts;
  readonly #book = new PromiseBook<string>(LIMITS.warmPromises);
  readonly #jobs = new Map<string, WarmJob>();

  constructor(ports: KeepWarmPorts) {
    this.#ports = ports;
  }

  answered({ request, prompt, worker, usage }: Answered): void {
    if (usage !== null) {
      const tokens = usage.promptTokens - usage.cachedTokens + usage.outputTokens;
      this.#book.passed(worker, Math.ceil(tokens / prompt.blockTokens));
    }
    if (prompt.source === 'text' || !hasMarks(request)) return;
    const regions = prompt.roughRegions?.() ?? prompt.regions;
    const marks = cacheMarks(request, regions, prompt.tokens.length);
    for (const mark of lasting(marks)) this.#promise({ request, prompt, worker }, mark);
  }

  /** Touches what is due and tells of what is over; to be called now and then. */
  tend(): void {
    const now = this.#ports.now();
    for (const key of this.#book.ended(now)) {
      const job = this.#jobs.get(key);
      this.#jobs.delete(key);
      const outlook = job === undefined ? null : this.#ports.outlook(job);
      this.#ports.ended(outlook !== null && outlook.missingTokens <= (job?.blockTokens ?? 0));
    }
    for (const key of this.#book.due(now)) {
      const job = this.#jobs.get(key);
      if (job !== undefined) this.#ports.add(job);
    }
  }

  #promise(
    { request, prompt, worker }: Pick<Answered, 'request' | 'prompt' | 'worker'>,
    { end, ttlSeconds }: MarkedPrefix,
  ): void {
    const blocks = Math.floor(end / prompt.blockTokens);
    if (blocks === 0) return;
    const now = this.#ports.now();
    const until = now + ttlSeconds * 1_000;
    const { session, hints } = request;
    const key = `${session?.id ?? request.id} ${ttlSeconds}`;
    this.#book.made({ key, worker, until, kvBlocks: this.#ports.kvBlocks(worker) }, now);
    this.#jobs.set(key, {
      cause: 'keep_warm',
      worker,
      until,
      tokens: prompt.tokens.slice(0, blocks * prompt.blockTokens),
      localHashes: prompt.localHashes.slice(0, blocks),
      blockTokens: prompt.blockTokens,
      retention: [],
      ...(session === undefined ? {} : { session: session.id }),
      ...(hints.cacheSalt === undefined ? {} : { salt: hints.cacheSalt }),
    });
    this.#forget();
  }

  /** The book drops the oldest of too many without a word. */
  #forget(): void {
    for (const key of this.#jobs.keys()) {
      if (this.#jobs.size <= LIMITS.warmPromises) return;
      this.#jobs.delete(key);
    }
  }
}

/** The longest prefix of each lifetime that is not within a longer one of a longer lifetime. */
function lasting(marks: readonly MarkedPrefix[]): MarkedPrefix[] {
  const longest = new Map<number, MarkedPrefix>();
  for (const mark of marks) {
    if ((longest.get(mark.ttlSeconds)?.end ?? 0) < mark.end) longest.set(mark.ttlSeconds, mark);
  }
  const all = [...longest.values()];
  return all.filter(
    (mark) => !all.some((other) => other.ttlSeconds > mark.ttlSeconds && other.end >= mark.end),
  );
}
