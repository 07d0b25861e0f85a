import path from 'node:path';
import { Flags } from '@oclif/core';
import { BaseCommand } from '../../src/cli/base-command.js';

export default class RecipeList extends BaseCommand {
  static override description = 'list the recipes, and which of them this host can run';
  static override examples = [
    '<%= config.bin %> recipe list',
    '<%= config.bin %> recipe list --hardware 8xh200',
    '<%= config.bin %> recipe list --json',
  ];
  static override flags = {
    hardware: Flags.string({ description: 'judge for another box, for example 8xh200' }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(RecipeList);
    const { listRecipes } = await import('../../src/recipes/load.js');
    const { judgeRecipes, recipeListText } = await import('../../src/plan/recipe-verdicts.js');
    const { describedHost } = await import('../../src/plan/hardware.js');
    const { probeHost } = await import('../../src/plan/probe.js');
    const here = await probeHost({ dataDir: this.paths.data });
    const host = flags.hardware === undefined ? here : describedHost(flags.hardware, here);
    const entries = await listRecipes({ userDir: path.join(this.paths.config, 'recipes') });
    const { missingVllm } = await import('../../src/engines/vllm/find-program.js');
    // What is installed on another box is not known here.
    const missing = flags.hardware === undefined ? await missingVllm(this.paths.data) : {};
    const verdicts = judgeRecipes(entries, host, missing);
    if (flags.json) this.printJson(verdicts);
    else this.print(recipeListText(verdicts));
  }
}
