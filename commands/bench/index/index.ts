import { Flags } from '@oclif/core';
import { BaseCommand } from '../../../src/cli/base-command.js';

export default class BenchIndex extends BaseCommand {
  static override description = `how fast the router's block index is on one core

Without --corpus two corpora are made here. A corpus file is 64-bit little-endian words: a header (kind | worker << 8 |
count << 32), then for kind 1 a query's local hashes, for 2 the parent and pairs of engine and local hash, for 3
removed engine hashes. Pin it to one core for steady figures.`;
  static override examples = [
    '<%= config.bin %> bench index',
    '<%= config.bin %> bench index --corpus mc128.bin --runs 9 --json',
    'taskset -c 0 <%= config.bin %> bench index --implementation js',
  ];
  static override flags = {
    corpus: Flags.string({ description: 'file of operations instead of those made here', multiple: true }),
    implementation: Flags.option({
      description: 'which index',
      options: ['wasm', 'wasm-scalar', 'js'] as const,
      default: 'wasm' as const,
    })(),
    runs: Flags.integer({ description: 'measured runs', default: 5, min: 1, max: 100 }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(BenchIndex);
    const { benchIndex } = await import('../../../src/bench/block-index.js');
    const { readCorpus } = await import('../../../src/bench/index-operations.js');
    const { agentsCorpus, chatsCorpus } = await import('../../../src/bench/index-corpora.js');
    const { indexText } = await import('../../../src/bench/index-text.js');
    const corpora = flags.corpus?.map((file) => () => readCorpus(file)) ?? [agentsCorpus, chatsCorpus];
    // One corpus at a time: they are large.
    const results = corpora.map((make) => benchIndex(make(), flags.implementation, flags.runs));
    if (flags.json) this.printJson(results);
    else this.print(indexText(results));
  }
}
