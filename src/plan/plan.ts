/** Recipe × host × wishes → what to start, or why each variant cannot run here. Pure. */
import { capabilitiesOf } from '../engines/capabilities.js';
import { DynamoError } from '../errors.js';
import { LIMITS } from '../limits.js';
import { retentionChanges } from '../recipes/retention-form.js';
import type { Recipe, Variant } from '../recipes/schema.js';
import { engineTiers } from './engine-tiers.js';
import { foreignCodeFlags } from './foreign-code.js';
import { contextOf } from './memory.js';
import { placeEmbedded } from './place-embedded.js';
import { placeGpus } from './place-gpus.js';
import type { Placement } from './placement.js';
import { applySettings, type PlanSettings } from './settings.js';
import { sizeBytes } from './tier-spec.js';
import type {
  EngineName,
  HostSnapshot,
  ModelRef,
  Plan,
  PlanResult,
  Refusal,
  TierPlan,
  WorkerPlan,
} from './types.js';

/** Argv and environment of a worker; the engine adapter's `command`. */
export type CommandOf = (plan: Plan, worker: WorkerPlan) => Pick<WorkerPlan, 'file' | 'args' | 'env'>;

export interface PlanOptions {
  variant?: string;
  engine?: EngineName;
  workers?: number;
  settings?: PlanSettings;
  /** Instead of the recipe's. */
  tiers?: TierPlan[];
  /** File of a model of the catalogue, whether it is there yet or not. */
  modelFile(name: string): { path: string; sha256: string | null };
  commandOf: CommandOf;
  /** Recipes to suggest one from when this one is refused. */
  alternatives?: Recipe[];
}

const SIMULATE_HINT = '`--simulate` alone runs it simulated, as on a box it fits.';

type Placed = Extract<Placement, { ok: true }>;

/**
 * Takes the first variant, in the recipe's order, that fits. Throws `usage` for a variant or engine the recipe does
 * not have and for settings that cannot be; a host that is too small is an answer, not an error.
 */
export function makePlan(recipe: Recipe, host: HostSnapshot, options: PlanOptions): PlanResult {
  const settled = options.settings === undefined ? recipe : applySettings(recipe, options.settings);
  const variants = wantedVariants(settled, options);
  const refusals: Refusal[] = [];
  for (const variant of variants) {
    const placement = place(settled, variant, host, options);
    if (placement.ok) return { ok: true, plan: buildPlan(settled, variant, placement, refusals, options) };
    refusals.push({ variant: variant.name, reason: placement.reason });
  }
  return { ok: false, recipe: recipe.name, refusals, suggestion: suggest(recipe, host, options) };
}

/** The plan, or `host_refused` (exit code 3) naming every variant and what it lacks. */
export function planOrThrow(result: PlanResult): Plan {
  if (result.ok) return result.plan;
  const refusals = result.refusals.map(({ variant, reason }) => `  ${variant}: ${reason}`).join('\n');
  throw new DynamoError('host_refused', {
    recipe: result.recipe,
    refusals,
    suggestion: [...(result.suggestion === null ? [] : [result.suggestion]), SIMULATE_HINT].join(' '),
  });
}

/** Refusals of every variant, empty when at least one fits: for lists, where nothing is started. */
export function refusalsOf(recipe: Recipe, host: HostSnapshot): Refusal[] {
  const result = verdictOf(recipe, host);
  return result.ok ? [] : result.refusals;
}

/** What would be started, without command lines. */
export function verdictOf(recipe: Recipe, host: HostSnapshot): PlanResult {
  return makePlan(recipe, host, {
    modelFile: (name) => ({ path: name, sha256: null }),
    commandOf: () => ({ file: '', args: [], env: {} }),
  });
}

function wantedVariants(recipe: Recipe, { variant, engine, workers }: PlanOptions): Variant[] {
  if (workers !== undefined && (!Number.isInteger(workers) || workers < 1 || workers > LIMITS.workersMax)) {
    throw new DynamoError('usage', {
      detail: `\`--workers ${workers}\` is not possible.`,
      remedy: `Use 1 to ${LIMITS.workersMax}.`,
    });
  }
  const found = recipe.variants.filter(
    (entry) =>
      (variant === undefined || entry.name === variant) && (engine === undefined || entry.engine === engine),
  );
  if (found.length > 0) return found;
  const all = recipe.variants.map((entry) => `${entry.name} (${entry.engine})`).join(', ');
  const wanted = [variant, engine].filter((text) => text !== undefined).join(' on ');
  throw new DynamoError('usage', {
    detail: `The recipe ${recipe.name} has no variant \`${wanted}\`.`,
    remedy: `It has: ${all}.`,
  });
}

function place(recipe: Recipe, variant: Variant, host: HostSnapshot, options: PlanOptions): Placement {
  const { slots, kvMemoryBytes } = options.settings ?? {};
  const wishes = { workers: options.workers, slots, kvMemoryBytes, isChosen: options.variant !== undefined };
  return variant.engine === 'embedded'
    ? placeEmbedded(recipe, variant, host, wishes)
    : placeGpus(recipe, variant, host, wishes);
}

function buildPlan(
  recipe: Recipe,
  variant: Variant,
  placement: Placed,
  refusals: Refusal[],
  options: PlanOptions,
): Plan {
  const { sampling } = recipe.model.chat;
  const servedModel = variant.served_name ?? recipe.model.served_name;
  const tiers = engineTiers(variant.engine, options.tiers ?? recipeTiers(variant), {
    isAsked: options.tiers !== undefined,
    isOnProcessors: variant.engine !== 'embedded' && placement.workers.some(({ gpus }) => gpus.length === 0),
  });
  const plan: Plan = {
    recipe: recipe.name,
    title: recipe.title,
    variant: variant.name,
    engine: variant.engine,
    servedModel,
    aliases: otherNames(recipe, servedModel),
    model: modelRef(variant, options),
    workers: placement.workers,
    contextTokens: contextOf(recipe, variant),
    blockTokens: variant.block_tokens,
    reasons: [
      variant.why,
      ...placement.reasons,
      ...refusals.map((refusal) => `not ${refusal.variant}: ${refusal.reason}`),
    ],
    notes: [
      ...placement.notes,
      ...tiers.notes,
      ...foreignCodeNotes(variant.engine, placement.engineArgs),
      ...unknownParsers(variant),
    ],
    engineArgs: placement.engineArgs,
    engineEnv: variant.env,
    minEngineVersion: variant.engine === 'embedded' ? null : variant.min_engine_version,
    requantize: variant.engine === 'embedded' ? variant.requantize : null,
    parsers: {
      tools: recipe.model.chat.tool_parser ?? null,
      reasoning: recipe.model.chat.reasoning_parser ?? null,
    },
    tiers: tiers.tiers,
    ...retentionOf(variant),
    defaults: {
      temperature: sampling.temperature,
      topP: sampling.top_p,
      topK: sampling.top_k,
      repetitionPenalty: sampling.repetition_penalty,
      maxTokens: recipe.defaults.max_tokens,
    },
  };
  return {
    ...plan,
    workers: plan.workers.map((worker) => ({ ...worker, ...options.commandOf(plan, worker) })),
  };
}

/** `selective` is what holds anyway. */
function retentionOf({ retention }: Variant): Pick<Plan, 'retention'> {
  if (retention === undefined || retention === 'selective') return {};
  return { retention: retention === 'lru' ? retention : retentionChanges(retention) };
}

function foreignCodeNotes(engine: Plan['engine'], engineArgs: string[]): string[] {
  const flags = foreignCodeFlags({ engine, engineArgs });
  if (flags.length === 0) return [];
  return [
    `runs Python code that comes with the model (${flags.join(' ')}): \`up\` wants --trust-remote-code`,
  ];
}

/** An engine that does not know a format ends at its start, long after the weights were fetched. */
function unknownParsers(variant: Variant): string[] {
  if (!('args' in variant)) return [];
  const { toolParsers, reasoningParsers, checked } = capabilitiesOf(variant.engine);
  return [
    { flag: 'tool-call-parser', known: toolParsers },
    { flag: 'reasoning-parser', known: reasoningParsers },
  ].flatMap(({ flag, known }) => {
    const name = variant.args[flag];
    if (name === undefined || known === null || known.includes(String(name))) return [];
    return [
      `${variant.engine} ${checked} has no ${flag} \`${name}\`: another release may, else it ends at its start`,
    ];
  });
}

/** Without a size a tier of a recipe is left to the stack, which knows what is free. */
function recipeTiers({ tiers }: Variant): TierPlan[] {
  return tiers.map(({ name, size, at }) => ({
    name,
    bytesMax: size === undefined ? null : sizeBytes(size),
    at: at ?? null,
  }));
}

/** Every other name the model answers to, each once. */
function otherNames(recipe: Recipe, servedModel: string): string[] {
  const names = new Set([recipe.name, ...recipe.aliases, recipe.model.id]);
  names.delete(servedModel);
  return [...names];
}

function modelRef(variant: Variant, { modelFile }: PlanOptions): ModelRef {
  const { checkpoint, revision } = variant;
  // A name without an owner is one of the model catalogue.
  const isOnGpus = variant.engine === 'sglang' || (variant.engine === 'vllm' && variant.cpu === undefined);
  if (isOnGpus || (variant.engine !== 'embedded' && checkpoint.includes('/')))
    return { kind: 'hub', id: checkpoint, revision };
  if (/\.gguf$/i.test(checkpoint)) return { kind: 'gguf', name: checkpoint, path: checkpoint, sha256: null };
  return { kind: 'gguf', name: checkpoint, ...modelFile(checkpoint) };
}

function suggest(refused: Recipe, host: HostSnapshot, { alternatives = [] }: PlanOptions): string | null {
  const size = ({ model }: Recipe): number => model.parameters?.total_b ?? 0;
  // The largest that fits is the nearest to what was asked for.
  const fitting = [...alternatives]
    .sort((a, b) => size(b) - size(a))
    .find((other) => other.name !== refused.name && refusalsOf(other, host).length === 0);
  return fitting === undefined ? null : `\`--recipe ${fitting.name}\` runs here.`;
}
