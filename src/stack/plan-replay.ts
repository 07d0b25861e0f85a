/** From the flags of `dynamo replay` to runs. */
import type { Paths } from '../cli/paths.js';
import { rooflineFacts, simulatedShape } from '../engines/simulator/plan-timing.js';
import { mockTiming } from '../engines/simulator/timing.js';
import { DynamoError } from '../errors.js';
import type { Retention } from '../replay/config.js';
import { readWorkload } from '../replay/read.js';
import type { ReplayPlan } from '../replay/replay.js';
import { blocksFor, shaped } from '../replay/shape.js';
import { policyMaker } from '../router/policies/load-policy.js';
import { KV_BYTES_PER_TOKEN, replayTier } from './replay-tier.js';
import { resolvePlan } from './resolve-plan.js';
import { routerName } from './routing.js';
import { readStackSettings } from './stack-settings.js';

export interface ReplayWish {
  compare?: string | undefined;
  router: string;
  retention?: Retention | undefined;
  workers?: number | undefined;
  blocks?: number | undefined;
  /** KV of all workers together as a share of the trace's distinct blocks. */
  capacity?: number | undefined;
  'block-size': number;
  'trace-block-size'?: number | undefined;
  tiers?: string | undefined;
  recipe?: string | undefined;
  hardware?: string | undefined;
  stagger: number;
  'max-pause': number;
  'private-tools'?: boolean;
  'tag-every'?: number | undefined;
  'arrival-speed'?: number | undefined;
  seed: number;
  /** Factors of speed, one per worker, separated by commas. */
  'worker-speed'?: string | undefined;
  set?: Record<string, string>;
}

const WORKERS = 4;
const BLOCKS = 16_384;

/** Rejects with `trace_invalid`, `usage`, or what planning a recipe rejects with. */
export async function planReplay(
  files: string[],
  wish: ReplayWish,
  paths: Paths,
): Promise<Omit<ReplayPlan, 'progress'>> {
  const names = (wish.compare ?? wish.router).split(',').map((name) => name.trim());
  const { router: settings, dynamo } = readStackSettings(wish.set ?? {});
  // A name that does not exist is said before a large trace is read.
  const policies = await Promise.all(
    names.map(async (name) => ({
      name: routerName(name),
      make: await policyMaker(name, { dynamo }),
      // Retention is the default router's: the others are compared as their own stacks run.
      retention: wish.retention ?? (name === 'kv' ? ('selective' as const) : ('lru' as const)),
      enginePriorities: name === 'kv',
    })),
  );
  const shape = await shapeOf(wish, paths);
  const blockTokens = wish['block-size'];
  const recorded = await readWorkload(files, {
    blockTokens,
    traceBlockTokens: wish['trace-block-size'] ?? null,
    staggerMs: wish.stagger * 1000,
    maxDelayMs: wish['max-pause'] === 0 ? Number.POSITIVE_INFINITY : wish['max-pause'] * 1000,
    privateTools: wish['private-tools'] === true,
  });
  const workload = shaped(recorded, { every: wish['tag-every'], speed: wish['arrival-speed'] });
  const workers = wish.workers ?? shape.workers;
  const { kvBytesPerToken } = shape;
  const planned = shape.kvTokens === null ? BLOCKS : Math.max(1, Math.floor(shape.kvTokens / blockTokens));
  const { capacity } = wish;
  const share = capacity === undefined ? planned : blocksFor(workload, { capacity, workers });
  const blocks = wish.blocks ?? share;
  const tier = replayTier(wish.tiers, { blocks: workers * blocks, blockTokens, kvBytesPerToken });
  return {
    workload,
    files,
    policies,
    recipe: shape.recipe,
    hardware: shape.description,
    config: {
      workers,
      blocks,
      ...(tier === undefined ? {} : { tier }),
      seed: wish.seed,
      timing: shape.timing,
      settings,
      ...(wish['worker-speed'] === undefined ? {} : { slowness: speeds(wish['worker-speed'], workers) }),
    },
  };
}

/** `1,1,0.25,0.1` as factors on the time of a pass. Throws `usage`. */
function speeds(text: string, workers: number): number[] {
  const factors = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  const isValid = factors.length === workers && factors.every((speed) => speed >= 0.001 && speed <= 1_000);
  if (isValid) return factors.map((speed) => 1 / speed);
  throw new DynamoError('usage', {
    detail: `\`--worker-speed ${text}\` is not valid.`,
    remedy: `Give ${workers} numbers between 0.001 and 1000, one per worker, separated by commas.`,
  });
}

async function shapeOf(wish: ReplayWish, paths: Paths) {
  if (wish.recipe === undefined) {
    return {
      timing: mockTiming(),
      kvTokens: null,
      kvBytesPerToken: KV_BYTES_PER_TOKEN,
      workers: WORKERS,
      description: "timing of NVIDIA Dynamo's mock engine",
      recipe: null,
    };
  }
  const resolved = await resolvePlan({ recipe: wish.recipe, hardware: wish.hardware, set: {} }, paths);
  const { recipe, plan, host } = resolved;
  const kvBytes = rooflineFacts(recipe, plan, host).kvBytesPerToken;
  return {
    ...simulatedShape(recipe, plan, host),
    kvBytesPerToken: kvBytes === 0 ? KV_BYTES_PER_TOKEN : kvBytes,
    recipe: plan.recipe,
  };
}
