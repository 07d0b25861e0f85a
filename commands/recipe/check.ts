import { Args } from '@oclif/core';
import { BaseCommand } from '../../src/cli/base-command.js';

export default class RecipeCheck extends BaseCommand {
  static override description = 'check a recipe file: every problem with its line and its path (exit code 2)';
  static override examples = [
    '<%= config.bin %> recipe check ./mine.yaml',
    '<%= config.bin %> recipe check ./mine.yaml --json',
  ];
  static override args = { file: Args.string({ description: 'recipe file', required: true }) };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(RecipeCheck);
    const { checkRecipe, invalidRecipe } = await import('../../src/recipes/load.js');
    const { recipe, problems } = await checkRecipe(args.file);
    if (flags.json) {
      this.printJson({ file: args.file, problems });
      if (recipe === null) process.exitCode = 2;
      return;
    }
    if (recipe === null) throw invalidRecipe(args.file, problems);
    this.print(`${args.file}: ${recipe.name} is a good recipe with ${recipe.variants.length} variant(s)`);
  }
}
