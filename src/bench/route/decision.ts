/** `dynamo bench route`: from a decoded request to the worker chosen, for an agent's next turn. */
import { decodeChat } from '../../dialects/chat/decode.js';
import { BodyBytes } from '../../gateway/body-bytes.js';
import { BodyMemo } from '../../gateway/body-memo.js';
import { routeInput } from '../../gateway/forward.js';
import type { PromptModel } from '../../model/local-model.js';
import { sequenceHashes } from '../../prompt/hash/block-hash.js';
import { createPromptService, type PromptService } from '../../prompt/service.js';
import type { CommonRequest } from '../../request/types.js';
import { createBlockIndex } from '../../router/index/create-index.js';
import { loadPolicy } from '../../router/policies/load-policy.js';
import { createRouter, type Router } from '../../router/router.js';
import type { Placement } from '../../router/types.js';
import { AgentSession, turnBytes } from '../gateway/agent-session.js';
import { collectGarbage } from '../quiet.js';
import { quantileOf } from '../statistics.js';

export interface RouteResult {
  /** `next turn` = put together from the turn before; `whole` = rendered whole, its segments' tokens remembered. */
  way: 'next turn' | 'whole';
  /** Tokens of the longest prompt. */
  promptTokens: number;
  turns: number;
  /** Wall time of a turn from the decoded request to the placement. */
  ms: { p50: number; p99: number; max: number };
  /** The part of it that the router takes. */
  routerMs: { p50: number; p99: number };
  cpuMs: number;
}

const WORKERS = 4;
const BLOCK_TOKENS = 16;
/** Turns of one conversation that are timed, after its first, which is new; then comes another one. */
const TURNS = 20;
const WARM_UP_CONVERSATIONS = 3;
/** Bytes of an agent's text per token until it has been tokenized. */
const BYTES_PER_TOKEN = 3;

export interface RouteOptions {
  model: PromptModel;
  promptTokens: number;
  turns: number;
  isWhole: boolean;
}

export async function benchRoute(options: RouteOptions): Promise<RouteResult> {
  const { model, turns, isWhole } = options;
  const prompts = createPromptService({
    local: model,
    blockTokens: BLOCK_TOKENS,
    isExact: isWhole,
    warn: () => {},
  });
  await prompts.learn();
  const bytes = await bytesOf(prompts, options.promptTokens);
  const run = new Run(prompts);
  for (let seed = 1; run.times.length < turns; seed++) {
    await run.conversation(new AgentSession({ model: 'm', seed, bytes, isStream: true }));
    if (seed === WARM_UP_CONVERSATIONS) {
      collectGarbage();
      run.times.length = 0;
    }
  }
  await prompts.close();
  const all = sorted(run.times.map(({ ms }) => ms));
  const router = sorted(run.times.map(({ routerMs }) => routerMs));
  return {
    way: isWhole ? 'whole' : 'next turn',
    promptTokens: run.promptTokens,
    turns: run.times.length,
    ms: { p50: quantileOf(all, 0.5), p99: quantileOf(all, 0.99), max: quantileOf(all, 1) },
    routerMs: { p50: quantileOf(router, 0.5), p99: quantileOf(router, 0.99) },
    cpuMs: run.times.reduce((sum, { cpuMs }) => sum + cpuMs, 0) / run.times.length,
  };
}

/** Bytes of a conversation that has about so many tokens in its last turn. */
async function bytesOf(prompts: PromptService, promptTokens: number): Promise<number> {
  const bytes = promptTokens * BYTES_PER_TOKEN;
  const session = new AgentSession({ model: 'm', seed: 0, bytes, isStream: true });
  const { tokens } = await prompts.prepare(decoded(new BodyMemo(), session.body, 0));
  return Math.max(
    turnBytes(bytes),
    Math.round((bytes * promptTokens) / tokens.length) - TURNS * turnBytes(bytes),
  );
}

/** Agents one after the other, whose turns go through the prompt room and the router; engines hold what they computed. */
class Run {
  readonly times: { ms: number; routerMs: number; cpuMs: number }[] = [];
  promptTokens = 0;
  readonly #prompts: PromptService;
  readonly #memo = new BodyMemo();
  readonly #router: Router;
  #turns = 0;

  constructor(prompts: PromptService) {
    this.#prompts = prompts;
    this.#router = createRouter({ index: createBlockIndex(), policy: loadPolicy('kv') });
    for (let worker = 0; worker < WORKERS; worker++) {
      const id = `w${worker}`;
      this.#router.addWorker({ id, blockTokens: BLOCK_TOKENS, kvBlocks: 0, feed: 'events' });
      this.#router.setEligible(id, true);
    }
  }

  async conversation(session: AgentSession): Promise<void> {
    await this.#turn(session);
    this.times.pop();
    for (let turn = 0; turn < TURNS; turn++) {
      session.addTurn();
      await this.#turn(session);
    }
  }

  async #turn(session: AgentSession): Promise<void> {
    this.#turns += 1;
    const request = decoded(this.#memo, Buffer.from(session.body), this.#turns);
    const cpu = process.cpuUsage();
    const start = performance.now();
    const prompt = await this.#prompts.prepare(request);
    const prepared = performance.now();
    const input = { ...routeInput({ request, prompt }), sessionId: session.id };
    const placement = await this.#router.route(input, new AbortController().signal);
    const end = performance.now();
    const { user, system } = process.cpuUsage(cpu);
    this.times.push({ ms: end - start, routerMs: end - prepared, cpuMs: (user + system) / 1_000 });
    this.promptTokens = Math.max(this.promptTokens, prompt.tokens.length);
    this.#compute(placement, prompt.localHashes, prompt.tokens.length);
  }

  /** The engine computes what it lacks and says so. */
  #compute(placement: Placement, locals: BigUint64Array, promptTokens: number): void {
    const hashes = sequenceHashes(locals);
    const held = placement.decision.predictedTokens / BLOCK_TOKENS;
    placement.firstToken();
    const parent = held === 0 ? null : (hashes[held - 1] ?? null);
    this.#router.applyStored(placement.worker, 'gpu', parent, hashes.slice(held), locals.slice(held));
    placement.finish({
      requestId: placement.decision.requestId,
      worker: placement.worker,
      ttftMs: 1,
      itlMs: 1,
      promptTokens,
      cachedTokens: placement.decision.predictedTokens,
      outputTokens: 100,
      failed: false,
    });
  }
}

function decoded(memo: BodyMemo, body: Buffer, turn: number): CommonRequest {
  const value = memo.parse(new BodyBytes([body]));
  return decodeChat(value, {
    requestId: `r${turn}`,
    headers: {},
    warn: () => {},
    kept: () => undefined,
  });
}

const sorted = (values: number[]): number[] => values.sort((a, b) => a - b);
