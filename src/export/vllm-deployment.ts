/** What the three exports have in common: vLLM workers of a plan as containers would run them. Pure. */
import { vllmCommand } from '../engines/vllm/command.js';
import { VLLM_RELEASES } from '../engines/vllm/environments.js';
import { DynamoError } from '../errors.js';
import type { Plan, WorkerPlan } from '../plan/types.js';

/** One flag and its value; null for a switch. */
export type Flag = [name: string, value: string | null];

export interface VllmDeployment {
  /** Usable as the name of a Kubernetes object and of a compose project. */
  name: string;
  /** Hub id and revision of the weights. */
  model: string;
  revision: string;
  servedModel: string;
  contextTokens: number;
  blockTokens: number;
  workers: { id: string; gpus: number[] }[];
  /** GPUs of each worker; they are alike. */
  gpusPerWorker: number;
  /** `vllm serve`'s flags, without model, address and events. */
  flags: Flag[];
  env: Record<string, string>;
  /** What the reader of the file must know, one sentence each. */
  notes: string[];
}

/** vLLM's own image of the release that `dynamo engine install` installs, which every recipe's flags are checked against. */
export const VLLM_IMAGE = `vllm/vllm-openai:v${VLLM_RELEASES.cuda.version}`;

const NAME_CHARS_MAX = 40;
/** Chosen by whoever runs the container. */
const ADDRESS_FLAGS = new Set(['host', 'port', 'kv-events-config', 'served-model-name', 'revision']);
/** True of a process of ours only: which GPUs it sees, and how the supervisor finds it. */
const OWN_VARIABLES = new Set(['CUDA_VISIBLE_DEVICES', 'SPT_NOENV', 'VLLM_CPU_OMP_THREADS_BIND']);

/** Throws `usage` for a plan that is not of vLLM on GPUs: nothing else here runs in more than one place. */
export function vllmDeployment(plan: Plan): VllmDeployment {
  const [first] = plan.workers;
  if (
    first === undefined ||
    plan.model.kind !== 'hub' ||
    plan.engine === 'external' ||
    first.gpus.length === 0
  )
    throw notExportable(plan);
  const command = vllmCommand(plan, first);
  return {
    name: objectName(`${plan.recipe}-${plan.variant}`),
    model: plan.model.id,
    revision: plan.model.revision,
    servedModel: plan.servedModel,
    contextTokens: plan.contextTokens,
    blockTokens: plan.blockTokens,
    workers: plan.workers.map(({ id, gpus }) => ({ id, gpus })),
    gpusPerWorker: first.gpus.length,
    flags: flagsOf(command.args.slice(2)).filter(([name]) => !ADDRESS_FLAGS.has(name)),
    env: Object.fromEntries(Object.entries(command.env).filter(([name]) => !OWN_VARIABLES.has(name))),
    notes: notesOf(plan, first),
  };
}

/** `--a 1 --b` → `[['a', '1'], ['b', null]]`. */
function flagsOf(args: readonly string[]): Flag[] {
  const flags: Flag[] = [];
  for (const word of args) {
    const last = flags.at(-1);
    if (word.startsWith('--')) flags.push([word.slice(2), null]);
    else if (last !== undefined && last[1] === null) last[1] = word;
  }
  return flags;
}

export function argvOf(flags: readonly Flag[]): string[] {
  return flags.flatMap(([name, value]) => (value === null ? [`--${name}`] : [`--${name}`, value]));
}

export const valueOfFlag = (flags: readonly Flag[], name: string): string | null =>
  flags.find(([flag]) => flag === name)?.[1] ?? null;

/** A DNS label, short enough for what operators append to it. */
export function objectName(text: string): string {
  const plain = text.toLowerCase().replace(/[^a-z0-9]+/g, '-');
  return plain.slice(0, NAME_CHARS_MAX).replace(/^-+|-+$/g, '');
}

function notesOf(plan: Plan, { gpus }: WorkerPlan): string[] {
  const count = plan.workers.length;
  const trust = flagsOf(plan.engineArgs ?? []).some(([name]) => name === 'trust-remote-code');
  return [
    `${plan.recipe}, variant ${plan.variant}: ${count} ${count === 1 ? 'worker' : 'workers'} of ${gpus.length} ${gpus.length === 1 ? 'GPU' : 'GPUs'}, context ${plan.contextTokens}, blocks of ${plan.blockTokens} tokens.`,
    ...(trust
      ? ['The checkpoint brings Python code of its own, which every worker runs (trust-remote-code).']
      : []),
    ...((plan.tiers ?? []).length > 0 ? ['The page tiers of the plan are not exported.'] : []),
  ];
}

function notExportable({ recipe, variant, engine }: Plan): DynamoError {
  const why =
    engine === 'external'
      ? 'its engines were started by somebody else'
      : `its variant ${variant} does not run vLLM on GPUs`;
  return new DynamoError('usage', {
    detail: `The plan of \`${recipe}\` cannot be exported: ${why}.`,
    remedy:
      'Name a recipe and the machines it shall run on: `dynamo export dynamo --recipe glm5 --hardware 8xh200`.',
  });
}
