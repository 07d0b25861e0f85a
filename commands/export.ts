import { Args, Flags } from '@oclif/core';
import { BaseCommand } from '../src/cli/base-command.js';
import type { Exported } from '../src/export/types.js';
import type { Plan } from '../src/plan/types.js';

const TARGETS = ['dynamo', 'llm-d', 'compose'] as const;

export default class Export extends BaseCommand {
  static override description =
    'write the running recipe for an engine that spans machines: NVIDIA Dynamo on Kubernetes, llm-d, or docker compose';
  static override examples = [
    '<%= config.bin %> export dynamo > deployment.yaml',
    '<%= config.bin %> export dynamo --recipe glm5 --hardware 8xh200',
    '<%= config.bin %> export llm-d --recipe gpt-oss-120b --hardware 8xh200 --workers 4',
    '<%= config.bin %> export compose --recipe minimax-m2.5 --hardware 8xh200 --image vllm/vllm-openai:nightly',
  ];
  static override args = {
    target: Args.string({ description: 'what shall run it', required: true, options: [...TARGETS] }),
  };
  static override flags = {
    recipe: Flags.string({ description: 'a recipe instead of what runs: name or file' }),
    hardware: Flags.string({
      description: 'the box each machine is like, for example 8xh200 [default: this one]',
      dependsOn: ['recipe'],
    }),
    variant: Flags.string({ description: 'variant of the recipe', dependsOn: ['recipe'] }),
    workers: Flags.integer({ description: 'number of workers', min: 1, max: 64, dependsOn: ['recipe'] }),
    set: Flags.string({
      description: 'a recipe setting, key=value (repeat)',
      multiple: true,
      dependsOn: ['recipe'],
    }),
    image: Flags.string({ description: 'container image of the workers [default: the pinned release]' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Export);
    const plan = flags.recipe === undefined ? await this.#running(flags) : await this.#planned(flags);
    const { exportPlan } = await import('../src/export/export-plan.js');
    const exported: Exported = exportPlan(plan, args.target as (typeof TARGETS)[number], flags.image);
    if (flags.json) return this.printJson(exported.document);
    const { yamlFile } = await import('../src/export/yaml-file.js');
    this.print(yamlFile(exported));
  }

  async #running(flags: { name: string }): Promise<Plan> {
    const { attach } = await import('../src/cli/attach.js');
    try {
      const stack = await attach(this.stackName(flags), this.paths);
      return (await stack.call('GET', '/admin/plan')) as Plan;
    } catch (error) {
      this.note('dynamo: without --recipe, what runs is exported.');
      throw error;
    }
  }

  async #planned(flags: {
    recipe?: string | undefined;
    hardware?: string | undefined;
    variant?: string | undefined;
    workers?: number | undefined;
    set?: string[] | undefined;
  }): Promise<Plan> {
    const { parsePairs, resolvePlan } = await import('../src/stack/resolve-plan.js');
    const { recipe, hardware, variant, workers } = flags;
    const set = parsePairs(flags.set ?? []);
    return (await resolvePlan({ recipe, hardware, variant, workers, set }, this.paths)).plan;
  }
}
