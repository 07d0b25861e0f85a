import { Flags } from '@oclif/core';
import { BaseCommand } from '../../src/cli/base-command.js';

export default class BenchLive extends BaseCommand {
  static override description =
    'conversations on real workers: second-turn latency, and hit rates of routing policies side by side';
  static override examples = [
    '<%= config.bin %> bench live',
    '<%= config.bin %> bench live --sessions 20 --compare kv,round-robin,random --json',
  ];
  static override flags = {
    recipe: Flags.string({ description: 'recipe to run' }),
    workers: Flags.integer({ description: 'number of workers', default: 2, min: 1, max: 64 }),
    sessions: Flags.integer({ description: 'conversations at once', default: 10, min: 1, max: 1000 }),
    turns: Flags.integer({ description: 'turns of each', default: 5, min: 1, max: 100 }),
    compare: Flags.string({ description: 'policies, each on a fresh stack', default: 'kv,round-robin' }),
    conversations: Flags.integer({
      description: 'conversations of the second-turn measurement',
      default: 5,
      min: 1,
      max: 100,
    }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(BenchLive);
    const { runLive } = await import('../../src/bench/run-live.js');
    const { liveText } = await import('../../src/bench/report-text.js');
    const report = await runLive({
      paths: this.paths,
      wish: {
        ...(flags.recipe === undefined ? {} : { recipe: flags.recipe }),
        workers: flags.workers,
        set: {},
      },
      routers: flags.compare.split(',').map((name) => name.trim()),
      sessions: flags.sessions,
      turns: flags.turns,
      conversations: flags.conversations,
      note: (text) => this.note(text),
    });
    if (flags.json) this.printJson(report);
    else this.print(liveText(report));
  }
}
