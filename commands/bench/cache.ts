import { Flags } from '@oclif/core';
import { BaseCommand } from '../../src/cli/base-command.js';

export default class BenchCache extends BaseCommand {
  static override description =
    'page tiers on real workers: reading a prefix against computing it, the cost of writing through, one compute for four workers';
  static override examples = [
    '<%= config.bin %> bench cache',
    '<%= config.bin %> bench cache --prefix 2048 --rounds 1 --json',
    '<%= config.bin %> bench cache --remote redis://127.0.0.1:6379',
  ];
  static override flags = {
    prefix: Flags.integer({
      description: 'tokens of the shared prefix',
      default: 4_032,
      min: 256,
      max: 8_000,
    }),
    rounds: Flags.integer({ description: 'measurements of each kind', default: 3, min: 1, max: 50 }),
    remote: Flags.string({ description: 'address of a remote store to measure too' }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(BenchCache);
    const { runCacheBench } = await import('../../src/bench/run-cache.js');
    const { cacheText } = await import('../../src/bench/cache-text.js');
    const result = await runCacheBench({
      paths: this.paths,
      prefixTokens: flags.prefix,
      rounds: flags.rounds,
      remote: flags.remote,
      note: (text) => this.note(text),
    });
    if (flags.json) this.printJson(result);
    else this.print(cacheText(result));
  }
}
