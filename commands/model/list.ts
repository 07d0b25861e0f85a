import { BaseCommand } from '../../src/cli/base-command.js';
import { modelsDir } from '../../src/cli/paths.js';
import { listModels } from '../../src/model/stored-models.js';

export default class ModelList extends BaseCommand {
  static override description = 'models that can be fetched by name, and which are here';
  static override examples = ['<%= config.bin %> model list', '<%= config.bin %> model list --json'];

  async run(): Promise<void> {
    const { flags } = await this.parse(ModelList);
    const models = await listModels(modelsDir(this.paths));
    if (flags.json) return this.printJson(models);
    for (const model of models) {
      const bytes = model.state === 'absent' ? model.totalBytes : model.bytes;
      this.print(
        `${model.name.padEnd(12)} ${model.state.padEnd(8)} ${(bytes / 1e6).toFixed(1).padStart(8)} MB  ${model.title} (${model.licence})`,
      );
    }
  }
}
