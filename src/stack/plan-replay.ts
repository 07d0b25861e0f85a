/** From the flags of `dynamo replay` to runs. */
import type { Paths } from '../cli/paths.js';
import { simulatedShape } from '../engines/simulator/plan-timing.js';
import { mockTiming } from '../engines/simulator/timing.js';
import type { Retention } from '../replay/config.js';
import { readWorkload } from '../replay/read.js';
import type { ReplayPlan } from '../replay/replay.js';
import { loadPolicy } from '../router/policies/load-policy.js';
import { resolvePlan } from './resolve-plan.js';

export interface ReplayWish {
  compare?: string | undefined;
  router: string;
  retention?: Retention | undefined;
  workers?: number | undefined;
  blocks?: number | undefined;
  'block-size': number;
  'trace-block-size'?: number | undefined;
  recipe?: string | undefined;
  hardware?: string | undefined;
  stagger: number;
  'max-pause': number;
  seed: number;
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
  const policies = names.map((name) => ({
    name,
    make: () => loadPolicy(name),
    // Retention is the default router's: the others are compared as their own stacks run.
    retention: wish.retention ?? (name === 'kv' ? ('selective' as const) : ('lru' as const)),
  }));
  // A name that does not exist is said before a large trace is read.
  for (const { make } of policies) make();
  const shape = await shapeOf(wish, paths);
  const blockTokens = wish['block-size'];
  const workload = await readWorkload(files, {
    blockTokens,
    traceBlockTokens: wish['trace-block-size'] ?? null,
    staggerMs: wish.stagger * 1000,
    maxDelayMs: wish['max-pause'] === 0 ? Number.POSITIVE_INFINITY : wish['max-pause'] * 1000,
  });
  const planned = shape.kvTokens === null ? BLOCKS : Math.max(1, Math.floor(shape.kvTokens / blockTokens));
  return {
    workload,
    files,
    policies,
    recipe: shape.recipe,
    hardware: shape.description,
    config: {
      workers: wish.workers ?? shape.workers,
      blocks: wish.blocks ?? planned,
      seed: wish.seed,
      timing: shape.timing,
    },
  };
}

async function shapeOf(wish: ReplayWish, paths: Paths) {
  if (wish.recipe === undefined) {
    return {
      timing: mockTiming(),
      kvTokens: null,
      workers: WORKERS,
      description: "timing of NVIDIA Dynamo's mock engine",
      recipe: null,
    };
  }
  const resolved = await resolvePlan({ recipe: wish.recipe, hardware: wish.hardware, set: {} }, paths);
  return { ...simulatedShape(resolved.recipe, resolved.plan, resolved.host), recipe: resolved.plan.recipe };
}
