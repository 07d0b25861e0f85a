import { Args } from '@oclif/core';
import { BaseCommand } from '../../src/cli/base-command.js';
import { modelsDir } from '../../src/cli/paths.js';
import { removeModel } from '../../src/model/stored-models.js';

export default class ModelRm extends BaseCommand {
  static override description = 'remove a model file and everything made from it';
  static override examples = ['<%= config.bin %> model rm smollm2'];
  static override args = { model: Args.string({ description: 'name of the model', required: true }) };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ModelRm);
    const freedBytes = await removeModel(args.model, modelsDir(this.paths));
    if (flags.json) this.printJson({ name: args.model, freedBytes });
    else this.print(`removed ${args.model} (${(freedBytes / 1e6).toFixed(1)} MB)`);
  }
}
