import { Flags } from '@oclif/core';
import { BaseCommand } from '../src/cli/base-command.js';

/** As for a plan that is refused. */
const EXIT_CANNOT_RUN = 3;

export default class Doctor extends BaseCommand {
  static override description =
    'look at what a stack needs here: GPUs, driver, engines, disk, shared memory, ports, leftovers; exit 0 when it can run';
  static override examples = [
    '<%= config.bin %> doctor',
    '<%= config.bin %> doctor --recipe glm5',
    '<%= config.bin %> doctor --tiers remote=s3://bucket/prefix --json',
  ];
  static override flags = {
    recipe: Flags.string({ description: 'recipe name, recipe file or GGUF file', env: 'DYNAMO_RECIPE' }),
    variant: Flags.string({ description: 'variant of the recipe' }),
    host: Flags.string({ description: 'address to listen on [default: 127.0.0.1]', env: 'DYNAMO_HOST' }),
    port: Flags.integer({
      description: 'port to listen on [default: 8000]',
      env: 'DYNAMO_PORT',
      min: 0,
      max: 65_535,
    }),
    tiers: Flags.string({
      description: 'page tiers as for `up`; a remote one is tried with one small object',
      env: 'DYNAMO_TIERS',
    }),
    set: Flags.string({ description: 'a recipe setting, key=value (repeat)', multiple: true }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Doctor);
    const { userSettings } = await import('../src/cli/user-settings.js');
    const { parsePairs } = await import('../src/stack/resolve-plan.js');
    const { examine } = await import('../src/doctor/examine.js');
    const settings = await userSettings(this.paths);
    const diagnosis = await examine(
      {
        recipe: flags.recipe ?? settings.recipe,
        variant: flags.variant,
        tiers: flags.tiers,
        set: parsePairs(flags.set ?? []),
      },
      {
        host: flags.host ?? settings.host ?? '127.0.0.1',
        port: flags.port ?? settings.port ?? 8000,
        paths: this.paths,
      },
    );
    if (flags.json) this.printJson(diagnosis);
    else this.print((await import('../src/doctor/doctor-text.js')).doctorText(diagnosis));
    if (!diagnosis.canRun) process.exitCode = EXIT_CANNOT_RUN;
  }
}
