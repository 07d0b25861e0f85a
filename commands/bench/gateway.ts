import { Flags } from '@oclif/core';
import { BaseCommand } from '../../src/cli/base-command.js';

export default class BenchGateway extends BaseCommand {
  static override description =
    'what the gateway adds to a streamed request over calling its worker directly, in one run';
  static override examples = [
    '<%= config.bin %> bench gateway',
    '<%= config.bin %> bench gateway --rounds 200 --tokens 4000 --json',
  ];
  static override flags = {
    recipe: Flags.string({ description: 'recipe to run' }),
    rounds: Flags.integer({ description: 'rounds, each way once', default: 100, min: 1, max: 10_000 }),
    tokens: Flags.string({ description: 'sizes of the prompt, in tokens', default: '300,2000' }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(BenchGateway);
    const { withOwnStack } = await import('../../src/bench/own-stack.js');
    const { benchGateway } = await import('../../src/bench/gateway.js');
    const { gatewayText } = await import('../../src/bench/report-text.js');
    const wish = { ...(flags.recipe === undefined ? {} : { recipe: flags.recipe }), workers: 1, set: {} };
    const sizes = flags.tokens
      .split(',')
      .map(Number)
      .filter((size) => Number.isInteger(size) && size > 0);
    const options = { paths: this.paths, wish, router: 'kv', name: `bench-${process.pid}` };
    const result = await withOwnStack(options, (stack) => benchGateway(stack, flags.rounds, sizes));
    if (flags.json) this.printJson(result);
    else this.print(gatewayText(result));
  }
}
