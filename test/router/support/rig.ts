/** A router over the real index with workers that store what they compute, as an engine would. */
import { blockSeed, hashBlocks, sequenceHashes } from '../../../src/prompt/hash/block-hash.js';
import { createBlockIndex } from '../../../src/router/index/create-index.js';
import { loadPolicy } from '../../../src/router/policies/load-policy.js';
import { createRouter, type Router, type RouterOptions } from '../../../src/router/router.js';
import type { Outcome, Placement, RouteInput, RouterWorker } from '../../../src/router/types.js';
import { FakeClock } from './fake-clock.js';

export const BLOCK = 16;

/** Numbers in [0, 1) from a seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** `count` tokens that name `topic`; unlike topics share none. */
export function tokens(topic: number, count: number): number[] {
  return Array.from({ length: count }, (_, n) => topic * 100_000 + n);
}

export function localsOf(prompt: readonly number[], blockTokens = BLOCK): BigUint64Array {
  return hashBlocks(Uint32Array.from(prompt), blockTokens, blockSeed({}));
}

let requests = 0;

export function input(prompt: readonly number[], more: Partial<RouteInput> = {}): RouteInput {
  const blockTokens = more.blockTokens ?? BLOCK;
  requests += 1;
  return {
    requestId: `r${requests}`,
    promptTokens: prompt.length,
    blockTokens,
    localHashes: localsOf(prompt, blockTokens),
    priority: 0,
    strictPriority: 0,
    ...more,
  };
}

export interface Rig {
  router: Router;
  clock: FakeClock;
  route(prompt: readonly number[], more?: Partial<RouteInput>): Promise<Placement>;
  /** The worker computes the prompt and its answer, publishes events and ends. */
  complete(placement: Placement, all: readonly number[], outcome?: Partial<Outcome>): void;
  /** Routes a whole request: prompt in, answer out. */
  serve(prompt: readonly number[], answer: readonly number[], more?: Partial<RouteInput>): Promise<Placement>;
}

export function rig(
  options: Partial<RouterOptions> & { workers?: Partial<RouterWorker>[]; policyName?: string } = {},
): Rig {
  const clock = new FakeClock();
  const { workers = [{}, {}], policyName = 'kv', ...rest } = options;
  const router = createRouter({
    index: createBlockIndex(),
    policy: loadPolicy(policyName),
    clock,
    random: seeded(1),
    ...rest,
  });
  workers.forEach((worker, n) => {
    const id = worker.id ?? `w${n}`;
    router.addWorker({ id, blockTokens: BLOCK, kvBlocks: 0, feed: 'events', ...worker });
    router.setEligible(id, true);
  });
  const route: Rig['route'] = (prompt, more) =>
    router.route(input(prompt, more), new AbortController().signal);
  const complete: Rig['complete'] = (placement, all, outcome) => {
    const locals = localsOf(all);
    placement.firstToken();
    // Our sequence hashes serve as this engine's own.
    router.applyStored(placement.worker, 'gpu', null, sequenceHashes(locals), locals);
    placement.finish(outcomeOf(placement, outcome));
  };
  return {
    router,
    clock,
    route,
    complete,
    serve: async (prompt, answer, more) => {
      const placement = await route(prompt, more);
      complete(placement, [...prompt, ...answer], { outputTokens: answer.length });
      return placement;
    },
  };
}

export function outcomeOf(placement: Placement, more: Partial<Outcome> = {}): Outcome {
  return {
    requestId: placement.decision.requestId,
    worker: placement.worker,
    ttftMs: null,
    itlMs: null,
    promptTokens: placement.decision.promptTokens,
    cachedTokens: placement.decision.predictedTokens,
    outputTokens: 0,
    failed: false,
    ...more,
  };
}
