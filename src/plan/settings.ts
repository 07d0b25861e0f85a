/** `--set key=value` as far as it concerns recipes; every other key is handed back for the rooms that own it. */
import { DynamoError } from '../errors.js';
import { ARG_NAME, ENV_NAME, OWNED_ARGS, type Recipe, type Variant } from '../recipes/schema.js';
import { GIB, MIB } from './units.js';

export interface PlanSettings {
  contextTokens?: number;
  slots?: number;
  /** Bound on the memory of all embedded workers together. */
  kvMemoryBytes?: number;
  requantize?: 'q8_0' | null;
  simulator: SimulatorSettings;
  args: Record<string, string>;
  env: Record<string, string>;
}

/** Of workers that only pretend. */
export interface SimulatorSettings {
  /** Times as fast as the real thing. */
  speed?: number;
  /** KV blocks of a worker, instead of what its GPUs would hold. */
  kvBlocks?: number;
  /** Mean tokens of an answer nobody bounds. */
  answerTokens?: number;
}

/** Slower than this nothing would be seen to happen; faster, this machine is the bound. */
const SPEED_MIN = 0.01;
const SPEED_MAX = 10_000;

type Reader = (value: string, settings: PlanSettings, key: string) => void;

const READERS: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  [
    'context',
    (value, settings, key) => {
      settings.contextTokens = positiveInteger(key, value);
    },
  ],
  [
    'slots',
    (value, settings, key) => {
      settings.slots = positiveInteger(key, value);
    },
  ],
  [
    'kv_memory',
    (value, settings, key) => {
      settings.kvMemoryBytes = bytesOf(key, value);
    },
  ],
  [
    'requantize',
    (value, settings, key) => {
      settings.requantize = tensorType(key, value);
    },
  ],
  [
    'simulator.speed',
    (value, settings, key) => {
      settings.simulator.speed = speedOf(key, value);
    },
  ],
  [
    'simulator.kv_blocks',
    (value, settings, key) => {
      settings.simulator.kvBlocks = positiveInteger(key, value);
    },
  ],
  [
    'simulator.answer_tokens',
    (value, settings, key) => {
      settings.simulator.answerTokens = positiveInteger(key, value);
    },
  ],
]);

/** Splits the pairs into the plan's own and the rest. Throws `usage` for a value that cannot be. */
export function readSettings(pairs: Record<string, string>): {
  settings: PlanSettings;
  rest: Record<string, string>;
} {
  const settings: PlanSettings = { simulator: {}, args: {}, env: {} };
  const rest: Record<string, string> = {};
  for (const [key, value] of Object.entries(pairs)) {
    const reader = READERS.get(key);
    if (reader !== undefined) reader(value, settings, key);
    else if (key.startsWith('args.')) settings.args[ownableArg(key.slice('args.'.length))] = value;
    else if (key.startsWith('env.')) settings.env[variableName(key.slice('env.'.length))] = value;
    else rest[key] = value;
  }
  return { settings, rest };
}

/** The recipe with the settings in every variant. */
export function applySettings(recipe: Recipe, settings: PlanSettings): Recipe {
  const { contextTokens } = settings;
  if (contextTokens !== undefined && contextTokens > recipe.model.context) {
    throw invalid(
      'context',
      String(contextTokens),
      `at most ${recipe.model.context}, the model's own window`,
    );
  }
  return { ...recipe, variants: recipe.variants.map((variant) => applyToVariant(variant, settings)) };
}

function applyToVariant(variant: Variant, settings: PlanSettings): Variant {
  const env = { ...variant.env, ...settings.env };
  const context = settings.contextTokens ?? variant.context;
  const shared = context === undefined ? { env } : { env, context };
  if (variant.engine !== 'embedded')
    return { ...variant, ...shared, args: { ...variant.args, ...settings.args } };
  const requantize = settings.requantize === undefined ? variant.requantize : settings.requantize;
  return { ...variant, ...shared, requantize };
}

function ownableArg(flag: string): string {
  if (!ARG_NAME.test(flag)) throw invalidName(`args.${flag}`, 'a flag without its dashes');
  const owner = OWNED_ARGS.get(flag);
  if (owner === undefined) return flag;
  throw new DynamoError('usage', {
    detail: `\`--set args.${flag}\` is not possible.`,
    remedy: `It is set by dynamo: ${owner}.`,
  });
}

function variableName(name: string): string {
  if (ENV_NAME.test(name)) return name;
  throw invalidName(`env.${name}`, 'a variable like A_VARIABLE');
}

function invalidName(key: string, expected: string): DynamoError {
  return new DynamoError('usage', {
    detail: `\`--set ${key}\` is not possible.`,
    remedy: `What follows the dot must be ${expected}.`,
  });
}

function positiveInteger(key: string, value: string): number {
  const number = /^\d+$/.test(value) ? Number(value) : 0;
  if (Number.isSafeInteger(number) && number > 0) return number;
  throw invalid(key, value, 'a whole number above 0');
}

function speedOf(key: string, value: string): number {
  const number = Number(value);
  if (value !== '' && number >= SPEED_MIN && number <= SPEED_MAX) return number;
  throw invalid(key, value, `a number from ${SPEED_MIN} to ${SPEED_MAX}`);
}

function bytesOf(key: string, value: string): number {
  const match = /^(\d+(?:\.\d+)?)(MiB|GiB)$/.exec(value);
  if (match === null) throw invalid(key, value, 'a size like 4GiB');
  return Number(match[1]) * (match[2] === 'GiB' ? GIB : MIB);
}

function tensorType(key: string, value: string): 'q8_0' | null {
  if (value === 'none') return null;
  if (value === 'q8_0') return 'q8_0';
  throw invalid(key, value, 'q8_0 or none');
}

function invalid(key: string, value: string, expected: string): DynamoError {
  return new DynamoError('usage', {
    detail: `\`--set ${key}=${value}\` is not valid.`,
    remedy: `It must be ${expected}.`,
  });
}
