/**
 * Goal: every vLLM variant of every recipe becomes a file that NVIDIA Dynamo, llm-d and compose accept, and that says
 * what the plan says. Method: each recipe is planned for the box it is verified on and its export held to a schema.
 */
import { Ajv } from 'ajv';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { verifiedHardware } from '../../src/engines/simulator/simulated-plan.js';
import { exportPlan } from '../../src/export/export-plan.js';
import type { ExportTarget } from '../../src/export/types.js';
import { yamlFile } from '../../src/export/yaml-file.js';
import { parseAttach } from '../../src/plan/attach-spec.js';
import { describedHost } from '../../src/plan/hardware.js';
import { makePlan, planOrThrow } from '../../src/plan/plan.js';
import type { HostSnapshot, Plan } from '../../src/plan/types.js';
import { listRecipes } from '../../src/recipes/load.js';
import type { Recipe } from '../../src/recipes/schema.js';
import { commandOf } from '../../src/stack/adapters.js';
import { COMPOSE, DYNAMO, LLM_D } from './schemas.js';
import { SCHEMA_FOLDER, wholeSchema } from './whole-schemas.js';

const HOST: HostSnapshot = {
  platform: 'linux',
  arch: 'x64',
  cpus: 64,
  cpuModel: 'test',
  memoryBytes: 2 ** 41,
  freeMemoryBytes: 2 ** 41,
  gpus: [],
  driver: null,
  nodeVersion: '20.20.0',
  diskFreeBytes: 2 ** 43,
};
const TARGETS: [target: ExportTarget, schema: object][] = [
  ['dynamo', DYNAMO],
  ['llm-d', LLM_D],
  ['compose', COMPOSE],
];

let recipes: Recipe[];
let plans: Plan[];

beforeAll(async () => {
  const entries = await listRecipes({ userDir: '/nonexistent' });
  recipes = entries.flatMap(({ recipe }) => recipe ?? []);
  plans = recipes.flatMap((recipe) =>
    recipe.variants
      .filter((variant) => variant.engine === 'vllm' && variant.cpu === undefined)
      .map(({ name }) => planFor(recipe, name)),
  );
});

function planFor(recipe: Recipe, variant: string): Plan {
  const host = describedHost(verifiedHardware(recipe, variant), HOST);
  return planOrThrow(makePlan(recipe, host, { variant, commandOf, modelFile }));
}

const modelFile = () => ({ path: '/m.gguf', sha256: null });
const planOf = (name: string): Plan => plans.find(({ recipe }) => recipe === name) as Plan;

interface Container {
  command: string[];
  args: string[];
  env: { name: string; value?: string }[];
  resources: { limits: Record<string, string> };
}

function graphWorker(plan: Plan): { replicas: number; container: Container } {
  const { document } = exportPlan(plan, 'dynamo');
  const { components } = document['spec'] as {
    components: { replicas: number; podTemplate: { spec: { containers: Container[] } } }[];
  };
  const worker = components[1]!;
  return { replicas: worker.replicas, container: worker.podTemplate.spec.containers[0]! };
}

describe.each(TARGETS)('an export for %s', (target, schema) => {
  it('of every variant of every recipe is what the tool accepts, read back from its text', () => {
    expect(plans.length).toBeGreaterThan(15);
    const accepts = new Ajv({ allErrors: true }).compile(schema);
    for (const plan of plans) {
      const text = yamlFile(exportPlan(plan, target));
      expect(accepts(parse(text)), `${plan.recipe} ${plan.variant}: ${JSON.stringify(accepts.errors)}`).toBe(
        true,
      );
      expect(text).toMatch(/^# Written by `dynamo export`/);
    }
  });

  it.skipIf(SCHEMA_FOLDER === undefined)('is what its whole published schema accepts', () => {
    const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true });
    const accepts = ajv.compile(wholeSchema(target));
    for (const plan of plans) {
      const document = parse(yamlFile(exportPlan(plan, target)));
      expect(accepts(document), `${plan.recipe}: ${JSON.stringify(accepts.errors?.slice(0, 5))}`).toBe(true);
    }
  });

  it('with a field that is misspelt would not be', () => {
    const accepts = new Ajv().compile(schema);
    const misspelt = yamlFile(exportPlan(planOf('glm5'), target)).replace(/replicas:|shm_size:/, 'replicaz:');
    expect(accepts(parse(misspelt))).toBe(false);
  });

  it('takes an image of the user’s', () => {
    const text = yamlFile(exportPlan(planOf('glm5'), target, 'registry.example/mine:7'));
    expect(text).toContain('image: registry.example/mine:7');
    expect(text).not.toContain('vllm-openai');
  });

  it('of what does not run vLLM on GPUs is refused, with what to write instead', () => {
    const [own] = recipes.filter(({ name }) => name === 'smollm2');
    const embedded = planOrThrow(makePlan(own as Recipe, HOST, { commandOf, modelFile }));
    expect(() => exportPlan(embedded, target)).toThrow(/`smollm2` cannot be exported.*does not run vLLM/);
    expect(() => exportPlan({ ...planOf('glm5'), engine: 'external' }, target)).toThrow(
      /started by somebody else/,
    );
  });
});

describe('a DynamoGraphDeployment', () => {
  it('has the workers, GPUs, context and parsers of the plan, in the words of Dynamo', () => {
    const plan = planOf('gpt-oss-120b');
    const { replicas, container } = graphWorker(plan);
    expect(replicas).toBe(plan.workers.length);
    expect(container.resources.limits).toEqual({ 'nvidia.com/gpu': String(plan.workers[0]?.gpus.length) });
    const flag = (name: string) => container.args[container.args.indexOf(name) + 1];
    expect(flag('--model')).toBe('openai/gpt-oss-120b');
    expect(flag('--max-model-len')).toBe(String(plan.contextTokens));
    // gpt-oss has a reasoning format and, in vLLM, no flag for it.
    expect([flag('--dyn-tool-call-parser'), flag('--dyn-reasoning-parser')]).toEqual(['harmony', 'gpt_oss']);
  });

  it('has no flag of an HTTP server, none of ours, and no GPU numbers of this box', () => {
    for (const plan of plans) {
      const { args, env } = graphWorker(plan).container;
      const foreign = ['--host', '--port', '--tool-call-parser', '--enable-auto-tool-choice', 'serve'];
      expect(args.filter((word) => foreign.includes(word))).toEqual([]);
      expect(args.join(' ')).not.toContain('ipc://');
      expect(env.map(({ name }) => name)).not.toContain('CUDA_VISIBLE_DEVICES');
    }
  });

  it('knows the parsers of every recipe', () => {
    for (const plan of plans)
      expect(exportPlan(plan, 'dynamo').notes.join(' ')).not.toContain('has no parser');
    const odd = { ...planOf('glm5'), engineArgs: ['--tool-call-parser', 'martian'] };
    expect(exportPlan(odd, 'dynamo').notes.join(' ')).toContain('has no parser for `martian`');
  });

  it('of simulated workers is that of what they pretend to be', () => {
    const plan = planOf('glm5');
    const simulated: Plan = {
      ...plan,
      engine: 'simulator',
      workers: plan.workers.map((worker) => ({
        ...worker,
        engine: 'simulator',
        file: 'node',
        args: ['x.js'],
      })),
    };
    expect(exportPlan(simulated, 'dynamo')).toEqual(exportPlan(plan, 'dynamo'));
  });
});

describe('a compose file', () => {
  it('attaches the gateway to every worker, in words that --attach takes, and publishes nothing else', () => {
    const plan = planOf('gpt-oss-120b');
    const { services } = exportPlan(plan, 'compose').document as {
      services: Record<string, { command: string[]; ports?: string[] }>;
    };
    const { command, ports } = services['gateway']!;
    const attached = command.filter((_, at) => command[at - 1] === '--attach').map(parseAttach);
    expect(attached.map(({ url }) => url)).toEqual(plan.workers.map(({ id }) => `http://${id}:8000`));
    expect(attached[0]).toMatchObject({
      events: 'tcp://w0:5557',
      replay: 'tcp://w0:5558',
      hasPriority: true,
    });
    expect(ports).toEqual(['127.0.0.1:8000:8000']);
    for (const { id } of plan.workers) expect(services[id]).not.toHaveProperty('ports');
  });

  it('leaves a dollar sign of an argument to the engine', () => {
    const plan = { ...planOf('glm5'), engineArgs: ['--odd', 'a$HOME'] };
    const { services } = exportPlan(plan, 'compose').document as {
      services: Record<string, { command: string[] }>;
    };
    expect(services['w0']?.command).toContain('a$$HOME');
  });
});

describe('values for llm-d', () => {
  it('leave the model, its name and the GPUs to the chart', () => {
    const plan = planOf('glm5');
    const { decode, modelArtifacts } = exportPlan(plan, 'llm-d').document as {
      decode: { replicas: number; parallelism: { tensor: number }; containers: { args: string[] }[] };
      modelArtifacts: Record<string, unknown>;
    };
    expect(modelArtifacts).toMatchObject({ name: plan.servedModel, uri: 'hf://nvidia/GLM-5.1-NVFP4' });
    expect(decode.parallelism.tensor).toBe(plan.workers[0]?.gpus.length);
    expect(decode.containers[0]?.args).not.toContain('--tensor-parallel-size');
    expect(decode.containers[0]?.args).not.toContain('--served-model-name');
  });
});
