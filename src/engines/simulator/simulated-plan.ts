/** From a plan for real hardware to the same plan with workers that only pretend. Pure. */
import { DynamoError } from '../../errors.js';
import type { SimulatorSettings } from '../../plan/settings.js';
import type { HostSnapshot, Plan } from '../../plan/types.js';
import type { Recipe, Variant } from '../../recipes/schema.js';
import { simulatorAdapter } from './adapter.js';
import { hardwareOf, rooflineFacts } from './plan-timing.js';

const ANSWER_TOKENS = 128;

export interface PlannedFor {
  recipe: Recipe;
  /** As `makePlan` answered it. */
  plan: Plan;
  /** The host it was planned for. */
  host: HostSnapshot;
}

/** Workers, GPUs, blocks and context stay; engine, program and what only a real engine needs change. */
export function simulatedPlan({ recipe, plan, host }: PlannedFor, settings: SimulatorSettings): Plan {
  const { speed = 1, answerTokens = ANSWER_TOKENS } = settings;
  const hardware = hardwareOf(plan, host);
  const simulated: Plan = {
    ...plan,
    engine: 'simulator',
    minEngineVersion: null,
    requantize: null,
    tiers: [],
    reasons: [sentence(plan, hardware, speed), ...plan.reasons],
    simulation: {
      hardware,
      speed,
      answerTokens,
      facts: rooflineFacts(recipe, plan, host),
      passTokens: argument(recipe, plan, ['max-num-batched-tokens', 'chunked-prefill-size']),
      maxRunning:
        argument(recipe, plan, ['max-num-seqs', 'max-running-requests']) ?? plan.workers[0]?.slots ?? null,
    },
    // What would be taken is not.
    workers: plan.workers.map(({ memoryBytes, ...worker }) => ({
      ...worker,
      engine: 'simulator',
      kvBlocks: settings.kvBlocks ?? worker.kvBlocks,
    })),
  };
  const workers = simulated.workers.map((worker) => ({
    ...worker,
    ...simulatorAdapter.command(simulated, worker),
  }));
  return { ...simulated, workers };
}

/**
 * The box a recipe was run on by somebody, as `--hardware` takes it: the first one its sources call verified, else the
 * first they name; `none` for a recipe without GPUs. `workers` may ask for several boxes of it.
 */
export function verifiedHardware(recipe: Recipe, variantName: string | undefined, workers = 1): string {
  const wanted = recipe.variants.filter(({ name }) => variantName === undefined || name === variantName);
  const boxes = wanted.flatMap((variant) => variant.hardware.map((box) => ({ ...box, tp: tpOf(variant) })));
  const box = boxes.find(({ source }) => isVerified(source)) ?? boxes[0];
  return box === undefined ? 'none' : `${Math.max(box.count, workers * box.tp)}x${box.gpu}`;
}

/** What `--simulate` without a recipe means: the largest model of all that fits. */
export function largestRecipe(
  recipes: readonly Recipe[],
  fits: (recipe: Recipe) => boolean,
): Recipe | undefined {
  const size = ({ model }: Recipe): number => model.parameters?.total_b ?? 0;
  return [...recipes].sort((a, b) => size(b) - size(a)).find(fits);
}

/** Throws `usage` for what makes sense only with `--simulate`, or never with it. */
export function requireSimulatable(
  isSimulated: boolean,
  wish: { settings: SimulatorSettings; tiers: string | undefined },
): void {
  const [key] = Object.keys(wish.settings);
  if (!isSimulated && key !== undefined) {
    const name = key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    throw new DynamoError('usage', {
      detail: `\`--set simulator.${name}\` is for simulated workers.`,
      remedy: 'Add --simulate.',
    });
  }
  if (!isSimulated || wish.tiers === undefined || wish.tiers === 'none') return;
  throw new DynamoError('usage', {
    detail: '`--tiers` is not possible with `--simulate`.',
    remedy: 'Simulated workers hold no pages; leave --tiers out.',
  });
}

function sentence(plan: Plan, hardware: string, speed: number): string {
  const pace = speed === 1 ? 'as fast as' : `${speed} times as fast as`;
  const count = plan.workers.length;
  const who = count === 1 ? 'one process pretends' : `${count} processes, each pretending`;
  return `SIMULATED: ${who} to be ${plan.engine} on ${hardware}, ${pace} a roofline of the real thing; no model runs, answers are made-up words`;
}

const isVerified = (source: string): boolean =>
  /\bverified\b/.test(source) && !/derived|not verified/.test(source);

const tpOf = (variant: Variant): number => (variant.engine === 'embedded' ? 1 : variant.parallel.tp);

/** `flags` are one figure under the names of vLLM and SGLang. */
function argument(recipe: Recipe, plan: Plan, flags: readonly string[]): number | null {
  const variant = recipe.variants.find(({ name }) => name === plan.variant);
  const args = variant === undefined || variant.engine === 'embedded' ? {} : variant.args;
  const value = Number(flags.map((flag) => args[flag]).find((each) => each !== undefined));
  return Number.isSafeInteger(value) && value > 0 ? value : null;
}
