import { Flags } from '@oclif/core';
import { BaseCommand } from '../src/cli/base-command.js';
import type { EngineName } from '../src/plan/types.js';

export default class PlanCommand extends BaseCommand {
  static override description =
    'print what `up` would start, and why: variant, GPUs, memory, exact command lines';
  static override examples = [
    '<%= config.bin %> plan',
    '<%= config.bin %> plan --recipe glm5 --hardware 8xh200',
    '<%= config.bin %> plan --recipe minimax-m2.5 --hardware 8xh100 --variant fp8-tp8-ep',
    '<%= config.bin %> plan --recipe minimax-m2.5 --hardware 8xh200 --tiers cpu=512GiB,disk=4TiB:/nvme/kv',
    '<%= config.bin %> plan --recipe glm5 --simulate=8xh200',
    '<%= config.bin %> plan --recipe ./model.gguf --workers 1 --set context=4096 --json',
  ];
  static override flags = {
    recipe: Flags.string({ description: 'recipe name, recipe file or GGUF file', env: 'DYNAMO_RECIPE' }),
    hardware: Flags.string({ description: 'plan for another box, for example 8xh200 or none' }),
    simulate: Flags.string({
      description: 'the plan of `up --simulate`: on this box, or [default] one the recipe is verified on',
      exclusive: ['hardware'],
    }),
    engine: Flags.string({ description: 'only variants of this engine' }),
    variant: Flags.string({ description: 'variant of the recipe' }),
    workers: Flags.integer({ description: 'number of workers', env: 'DYNAMO_WORKERS', min: 1, max: 64 }),
    tiers: Flags.string({
      description: 'page tiers as in `up`, e.g. cpu=512GiB,disk=4TiB:/path, or none',
    }),
    set: Flags.string({ description: 'a recipe setting, key=value (repeat)', multiple: true }),
  };

  async run(): Promise<void> {
    const { withOptionalValue } = await import('../src/cli/optional-value.js');
    const { flags } = await this.parse(PlanCommand, withOptionalValue(this.argv, '--simulate', 'verified'));
    const { userSettings } = await import('../src/cli/user-settings.js');
    const { parsePairs, resolvePlan } = await import('../src/stack/resolve-plan.js');
    const { planText } = await import('../src/plan/plan-text.js');
    const settings = await userSettings(this.paths);
    const { host, plan } = await resolvePlan(
      {
        recipe: flags.recipe ?? settings.recipe,
        hardware: flags.hardware,
        simulate: flags.simulate,
        variant: flags.variant,
        engine: flags.engine as EngineName | undefined,
        workers: flags.workers ?? settings.workers,
        tiers: flags.tiers,
        set: parsePairs(flags.set ?? []),
      },
      this.paths,
    );
    if (flags.json) this.printJson({ host, ...plan });
    else this.print(planText(plan, host));
  }
}
