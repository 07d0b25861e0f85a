/** Watches requests go by and can say of each, for a while, why its prompt was not read from a cache. */
import { LIMITS } from '../limits.js';
import type { CommonRequest } from '../request/types.js';
import type { Decision } from '../router/types.js';
import { type Eviction, type MissReport, missReport } from './miss-cause.js';
import {
  divergenceOf,
  type PromptFacts,
  PromptMemory,
  type RememberedPrompt,
  remember,
} from './prompt-memory.js';
import type { StampedEvent } from './types.js';

/** What is asked of the router; `block` counts from 0. */
export interface MissSources<P extends PromptFacts> {
  decision(requestId: string): Decision | undefined;
  workers(): readonly string[];
  eviction(worker: string, prompt: P, block: number): { tier: string; ageMs: number } | null;
  loss(worker: string): { why: 'cleared' | 'dropped'; ageMs: number } | null;
}

interface Watched<P> {
  request: CommonRequest;
  prompt: P;
  session: string | null;
  before: { prompt: RememberedPrompt; common: number } | null;
  /** A request that is sent again must not be compared with itself. */
  isRouted: boolean;
}

export class MissExplainer<P extends PromptFacts> {
  readonly #sources: MissSources<P>;
  readonly #memory = new PromptMemory();
  readonly #watched = new Map<string, Watched<P>>();
  readonly #reports = new Map<string, MissReport>();

  constructor(sources: MissSources<P>) {
    this.#sources = sources;
  }

  /** Null for a request that has not ended, ended without an answer, or is forgotten. */
  report(requestId: string): MissReport | null {
    return this.#reports.get(requestId) ?? null;
  }

  onPrompt(request: CommonRequest, prompt: P): void {
    const { session } = request;
    // Sub-agents and titles carry their parent's id, but talk about something else.
    const key = session === undefined ? null : `${session.role}:${session.id}`;
    this.#watched.set(request.id, { request, prompt, session: key, before: null, isRouted: false });
  }

  apply(event: StampedEvent): void {
    if (!('id' in event)) return;
    const watched = this.#watched.get(event.id);
    if (watched === undefined) return;
    // Told when the request has left for its worker: comparing costs it nothing.
    if (event.type === 'request.routed') this.#routed(watched, event);
    else if (event.type === 'request.finished') {
      this.#watched.delete(event.id);
      if (event.usage !== null) this.#explain(watched, { ...event.usage, at: event.at });
    } else if (ENDS.has(event.type)) this.#watched.delete(event.id);
  }

  #routed(watched: Watched<P>, { at, worker }: { at: number; worker: string }): void {
    const { session, request, prompt, isRouted } = watched;
    watched.isRouted = true;
    if (session === null || isRouted) return;
    watched.before = this.#memory.closest(session, prompt.tokens);
    this.#memory.add(session, remember(request, prompt, { at, worker }));
  }

  #explain(
    { request, prompt, before }: Watched<P>,
    usage: { promptTokens: number; cachedTokens: number; at: number },
  ): void {
    const decision = this.#sources.decision(request.id);
    if (decision === undefined) return;
    const { blockTokens } = prompt;
    const cachedTokens = ownUnits(usage, prompt.tokens.length);
    const missed = Math.floor(cachedTokens / blockTokens);
    const loss = this.#sources.loss(decision.worker);
    const promptTokens = prompt.tokens.length;
    const isMiss = promptTokens - cachedTokens > blockTokens;
    const eviction = isMiss ? this.#eviction(decision, prompt, missed) : null;
    const report = missReport({
      worker: decision.worker,
      promptTokens,
      cachedTokens,
      blockTokens,
      reachableTokens: decision.reachableTokens,
      better:
        betterWorker(decision, cachedTokens, blockTokens) ??
        (eviction === null ? this.#lastWorker(decision, before, blockTokens + cachedTokens) : null),
      reason: decision.reason,
      eviction,
      // A loss before the session was there explains nothing of it.
      loss: loss !== null && before !== null && usage.at - loss.ageMs >= before.prompt.at ? loss : null,
      before: before === null ? null : { divergence: isMiss ? divergenceOf(request, prompt, before) : null },
    });
    this.#reports.delete(request.id);
    this.#reports.set(request.id, { ...report, ...figuresOf(usage) });
    if (this.#reports.size <= LIMITS.decisionsKept) return;
    const [oldest] = this.#reports.keys();
    if (oldest !== undefined) this.#reports.delete(oldest);
  }

  /** From the worker that was chosen, else from the one that gave it up last. */
  #eviction({ worker }: Decision, prompt: P, block: number): Eviction | null {
    const own = this.#sources.eviction(worker, prompt, block);
    if (own !== null) return { worker, ...own };
    let latest: Eviction | null = null;
    for (const other of this.#sources.workers()) {
      const found = this.#sources.eviction(other, prompt, block);
      if (found !== null && (latest === null || found.ageMs < latest.ageMs)) {
        latest = { worker: other, ...found };
      }
    }
    return latest;
  }

  /** The session's last worker, where that is another one and it has not lost its cache: a pin hides what others hold. */
  #lastWorker(
    { worker, promptTokens }: Decision,
    before: Watched<P>['before'],
    atLeast: number,
  ): { worker: string; tokens: number } | null {
    if (before === null || before.prompt.worker === worker) return null;
    const tokens = Math.min(before.common, promptTokens - 1);
    const isGone = this.#sources.loss(before.prompt.worker) !== null;
    return isGone || tokens < atLeast ? null : { worker: before.prompt.worker, tokens };
  }
}

const figuresOf = ({ promptTokens, cachedTokens }: { promptTokens: number; cachedTokens: number }) => ({
  promptTokens,
  cachedTokens,
});

/** Where we count text because there is no tokenizer, an engine's tokens are taken for their share of the prompt. */
function ownUnits(usage: { promptTokens: number; cachedTokens: number }, tokens: number): number {
  const scale = usage.promptTokens === 0 ? 1 : tokens / usage.promptTokens;
  const isSameUnit = Math.abs(scale - 1) < SAME_UNIT;
  return isSameUnit ? usage.cachedTokens : Math.round(usage.cachedTokens * scale);
}

/** A template's own tokens at the edges make no other unit. */
const SAME_UNIT = 0.05;

const ENDS = new Set<StampedEvent['type']>(['request.failed', 'request.cancelled', 'request.rejected']);

/** Only what another worker can really read counts: its last token is computed anyway. */
function betterWorker(
  { worker, candidates, promptTokens }: Decision,
  cachedTokens: number,
  blockTokens: number,
): { worker: string; tokens: number } | null {
  let best: { worker: string; tokens: number } | null = null;
  for (const { worker: other, overlap } of candidates) {
    if (other === worker) continue;
    const blocks = overlap.gpu + overlap.cpu + overlap.disk + overlap.remote;
    const tokens = Math.min(blocks * blockTokens, promptTokens - 1);
    if (tokens >= cachedTokens + blockTokens && tokens > (best?.tokens ?? 0))
      best = { worker: other, tokens };
  }
  return best;
}
