import { Args, Flags } from '@oclif/core';
import { BaseCommand } from '../../src/cli/base-command.js';

export default class BenchRouting extends BaseCommand {
  static override description =
    "our router beside NVIDIA Dynamo's formula over recorded sessions, in virtual time: memory of 1, 1/2 and 1/4 of the distinct blocks, pausing, priorities, overload";
  static override examples = [
    '<%= config.bin %> bench routing traces/claude-code --open-loop traces/mooncake/conversation_trace.jsonl',
    '<%= config.bin %> bench routing traces/claude-code --json',
  ];
  static override strict = false;
  static override args = {
    sessions: Args.string({ description: 'files or folders of Claude Code sessions', required: true }),
  };
  static override flags = {
    'open-loop': Flags.string({ description: 'Mooncake rows: requests that come at fixed times' }),
    seed: Flags.integer({ description: 'of everything drawn at random', default: 1, min: 0 }),
  };

  async run(): Promise<void> {
    const { flags, argv } = await this.parse(BenchRouting);
    const { benchRouting } = await import('../../src/bench/routing/bench.js');
    const { claimsOf, meansOf } = await import('../../src/bench/routing/claims.js');
    const { routingText } = await import('../../src/bench/routing/text.js');
    const result = await benchRouting({
      sessions: argv as string[],
      openLoop: flags['open-loop'],
      seed: flags.seed,
      note: (text) => this.note(text),
    });
    const means = meansOf(result.rows);
    const claims = claimsOf(means);
    if (flags.json) this.printJson({ ...result, means, claims });
    else this.print(routingText(result, { means, claims }));
  }
}
