/**
 * Prefixes computed ahead: hears of every request and answer, prepares what will be asked next, and has it computed on the worker
 * that holds the rest of it. Nothing here is a user's request: no session, no booking, no figure of theirs knows of it.
 */
import { DynamoError } from '../errors.js';
import { LIMITS } from '../limits.js';
import type { PreparedPrompt } from '../prompt/types.js';
import type { Block, CommonRequest, StopReason, Usage } from '../request/types.js';
import { isNextTurnCertain, mayWarmNextTurn, nextTurn } from '../retention/next-turn.js';
import type { RetentionSpan } from '../retention/spans.js';
import type { WarmJob, WarmOutcome, WarmResult } from '../retention/types.js';
import { type UsedPrefix, UsedPrefixes } from '../retention/used-prefixes.js';
import { WarmBudget } from '../retention/warm-budget.js';
import { type Outlook, WarmScheduler } from '../retention/warm-scheduler.js';
import { type Decision, type RouteInput, TIERS } from '../router/types.js';
import { AnswerBlocks } from './answer-blocks.js';
import { routeInput } from './forward.js';
import { KeepWarm } from './keep-warm.js';
import { newRequestId } from './request-id.js';
import { startJobs } from './start-prefixes.js';
import type { GatewayDeps, WarmSettings } from './types.js';
import { runWarm, warmBody } from './warm-run.js';

/** A request whose answer was delivered. */
export interface Answered {
  request: CommonRequest;
  prompt: PreparedPrompt;
  worker: string;
  usage: Usage | null;
  reason: StopReason;
  /** Null where it was not kept. */
  answer: Block[] | null;
}

export interface Asked {
  worker: string;
  /** Null: the request it was for came first. */
  result: WarmResult | null;
}

/** A next turn that has not begun to be computed after this is taken for lost: agents' tools take seconds. */
const NEXT_TURN_MS = 60_000;
const TEND_MS = 2_000;
const ONLY_ASKED: WarmSettings = {
  share: 0,
  headStart: 0,
  nextTurn: 'never',
  needsIdle: true,
  fields: () => ({}),
  kvBlocks: () => 0,
};

export class Warming {
  readonly #deps: GatewayDeps;
  readonly #settings: WarmSettings;
  readonly #budget: WarmBudget;
  readonly #scheduler: WarmScheduler;
  readonly #closing = new AbortController();
  /** Null where the engine keeps lifetimes itself, or nothing is computed ahead. */
  readonly #keep: KeepWarm | null;
  readonly #prefixes = new UsedPrefixes({
    countMax: LIMITS.warmPrefixes,
    tokensMax: LIMITS.warmPrefixTokens,
  });
  readonly #seen = new Set<string>();
  readonly #tending: NodeJS.Timeout;

  constructor(deps: GatewayDeps) {
    this.#deps = deps;
    this.#settings = deps.warm ?? ONLY_ASKED;
    this.#budget = new WarmBudget(this.#settings);
    this.#scheduler = new WarmScheduler({
      budget: this.#budget,
      ports: {
        run: (job, signal) => this.#run(job, signal),
        outlook: (job) => this.#outlook(job),
        ended: (job, outcome, result) => this.#ended(job, outcome, result),
        now: () => performance.now(),
      },
    });
    const { share, retentionField } = this.#settings;
    this.#keep = share === 0 || retentionField !== undefined ? null : this.#keeper();
    this.#tending = setInterval(() => this.#tend(), TEND_MS);
    this.#tending.unref();
  }

  /** A request is here: what was being prepared for it ends. */
  arrived({ session }: CommonRequest): void {
    if (session !== undefined) this.#scheduler.arrived(session.id);
  }

  /** A request goes to its worker. Resolves with where its answer is to be kept, null where nobody needs it. */
  begins(request: CommonRequest, { worker, promptTokens, predictedTokens }: Decision): AnswerBlocks | null {
    if (promptTokens > predictedTokens) this.#scheduler.needed(worker);
    const isWanted =
      this.#settings.share > 0 && this.#settings.nextTurn !== 'never' && mayWarmNextTurn(request);
    return isWanted ? new AnswerBlocks(request.dialect) : null;
  }

  /** A request needs its worker less, or no longer; null = it was not answered. */
  ended(answered: Answered | null): void {
    if (answered !== null) {
      const { promptTokens = 0, cachedTokens = 0 } = answered.usage ?? {};
      this.#budget.served(promptTokens - cachedTokens);
      this.#began(answered);
      this.#keep?.answered(answered);
      if (this.#isNextTurnWanted(answered)) void this.#prepareNext(answered);
    }
    this.#scheduler.pump();
  }

  /** Has a prompt computed where the router would send it. Rejects like a request would. */
  async ask(request: CommonRequest, prompt: PreparedPrompt, signal: AbortSignal): Promise<Asked> {
    const worker = this.#placeOf(routeInput({ request, prompt }));
    const { session, hints } = request;
    const facts = { cause: 'asked', worker, session: session?.id, salt: hints.cacheSalt } as const;
    const job = this.#job(prompt, facts);
    const result = await this.#scheduler.ask(prompt.source === 'text' ? { ...job, request } : job, signal);
    return { worker, result };
  }

  /** What the run before used most is computed where there is time; workers are those that serve now. */
  start(prefixes: readonly UsedPrefix[], workers: readonly string[], blockTokens: number): void {
    const jobs = startJobs(prefixes, { workers, blockTokens, now: performance.now() });
    for (const job of jobs) this.#scheduler.add(job);
  }

  /** What conversations of this run begin with, the most used first. */
  prefixes(count: number): UsedPrefix[] {
    return this.#prefixes.top(count);
  }

  close(): void {
    clearInterval(this.#tending);
    this.#closing.abort();
    this.#scheduler.close();
  }

  /** Only the first request of a conversation says what it begins with. */
  #began({ request, prompt }: Answered): void {
    const { session, hints } = request;
    if (prompt.source === 'text' || (session !== undefined && this.#seen.has(session.id))) return;
    if (this.#seen.size >= LIMITS.sessionsKept) this.#seen.clear();
    if (session !== undefined) this.#seen.add(session.id);
    const { tokens, localHashes, blockTokens } = prompt;
    const salt = hints.cacheSalt === undefined ? {} : { salt: hints.cacheSalt };
    this.#prefixes.began({ tokens, localHashes, blockTokens, ...salt });
  }

  #keeper(): KeepWarm {
    return new KeepWarm({
      kvBlocks: (worker) => this.#settings.kvBlocks(worker),
      add: (job) => this.#scheduler.add(job),
      outlook: (job) => this.#outlook(job),
      ended: (isKept) => this.#deps.emit({ type: 'warm.promise', isKept }),
      now: () => performance.now(),
    });
  }

  /** What waits for a worker that nobody told of is looked at now and then, too. */
  #tend(): void {
    this.#keep?.tend();
    this.#scheduler.pump();
  }

  #isNextTurnWanted({ request, reason, answer }: Answered): boolean {
    if (answer === null || request.session?.isFinal === true) return false;
    if (request.hints.speculativePrefill) return true;
    return this.#settings.nextTurn === 'certain' && isNextTurnCertain(request, reason);
  }

  /** Never rejects: a turn that cannot be prepared is computed when it comes. */
  async #prepareNext({ request, worker, answer }: Answered): Promise<void> {
    const next = nextTurn({ ...request, id: newRequestId() }, answer ?? []);
    if (next === null) return;
    try {
      const prompt = await this.#deps.prompt.prepare(next, this.#closing.signal);
      const isTooLong = prompt.tokens.length >= this.#deps.served.contextTokens;
      if (prompt.source === 'text' || isTooLong || this.#closing.signal.aborted) return;
      const { session, hints } = request;
      this.#scheduler.add(
        this.#job(prompt, { cause: 'next_turn', worker, session: session?.id, salt: hints.cacheSalt }),
      );
    } catch {
      // The template refuses a conversation that ends like this.
    }
  }

  #job(
    { tokens, blockTokens, localHashes }: PreparedPrompt,
    {
      cause,
      worker,
      session,
      salt,
    }: { cause: WarmJob['cause']; worker: string; session: string | undefined; salt: string | undefined },
  ): WarmJob {
    const retention: RetentionSpan[] = [];
    const until = performance.now() + NEXT_TURN_MS;
    return {
      cause,
      worker,
      tokens,
      blockTokens,
      localHashes,
      retention,
      until,
      ...(session === undefined ? {} : { session }),
      ...(salt === undefined ? {} : { salt }),
    };
  }

  /** The cheapest worker by the router's own figures, nothing booked. Throws `not_ready`. */
  #placeOf(input: RouteInput): string {
    const candidates = this.#deps.router.score(input);
    if (candidates.length === 0) throw new DynamoError('not_ready', { detail: 'none serves just now.' });
    const cost = ({ terms }: (typeof candidates)[number]) => terms['total'] ?? 0;
    return candidates.reduce((best, one) => (cost(one) < cost(best) ? one : best)).worker;
  }

  #outlook({ worker, tokens, blockTokens, localHashes }: WarmJob): Outlook | null {
    const { router } = this.#deps;
    const input = { requestId: '', promptTokens: tokens.length, blockTokens, localHashes };
    const [view] = router.score({ ...input, priority: 0, strictPriority: 0, workerPin: worker });
    if (view === undefined || this.#deps.link(worker) === undefined) return null;
    const { overlap, load } = view;
    const held = TIERS.reduce((sum, tier) => sum + overlap[tier], 0) * blockTokens;
    const isFree = this.#settings.needsIdle ? load.activeRequests === 0 : load.prefillTokens === 0;
    return {
      isFree: isFree && router.queued() === 0,
      computeTokens: Math.max(0, tokens.length - held),
      missingTokens: Math.max(0, tokens.length - overlap.gpu * blockTokens),
    };
  }

  async #run(job: WarmJob, signal: AbortSignal): Promise<WarmResult> {
    const { link: linkOf, served, router } = this.#deps;
    const link = linkOf(job.worker);
    if (link === undefined)
      throw new DynamoError('engine_lost', { worker: job.worker, detail: 'it is gone' });
    const { fields, retentionField } = this.#settings;
    const send = warmBody(job, { model: served.name, fields: fields(job.worker), retentionField });
    const result = await runWarm(link, send, signal);
    router.computed(job.worker, job);
    return result;
  }

  #ended({ cause, worker }: WarmJob, outcome: WarmOutcome, result: WarmResult | null): void {
    const { promptTokens = 0, cachedTokens = 0 } = result ?? {};
    this.#deps.emit({ type: 'warm.ended', cause, outcome, worker, promptTokens, cachedTokens });
  }
}
