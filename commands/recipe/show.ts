import path from 'node:path';
import { Args } from '@oclif/core';
import { BaseCommand } from '../../src/cli/base-command.js';

export default class RecipeShow extends BaseCommand {
  static override description =
    'print a recipe as it is written, comments included; with --json as it is understood';
  static override examples = [
    '<%= config.bin %> recipe show glm5',
    '<%= config.bin %> recipe show ./mine.yaml --json',
  ];
  static override args = {
    recipe: Args.string({ description: 'recipe name, recipe file or GGUF file', required: true }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(RecipeShow);
    const { loadRecipe, recipeSource } = await import('../../src/recipes/load.js');
    const sources = { userDir: path.join(this.paths.config, 'recipes') };
    const recipe = await loadRecipe(args.recipe, sources);
    const source = flags.json ? null : await recipeSource(args.recipe, sources);
    if (source === null) this.printJson(recipe);
    else this.print(source);
  }
}
