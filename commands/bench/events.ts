import { Flags } from '@oclif/core';
import { BaseCommand } from '../../src/cli/base-command.js';

export default class BenchEvents extends BaseCommand {
  static override description = `how many blocks per second get from an engine's event socket into the index

A process of its own publishes what a vLLM with a full cache would; the rest is what a stack does for each worker.`;
  static override examples = [
    '<%= config.bin %> bench events',
    '<%= config.bin %> bench events --rounds 20 --json',
  ];
  static override flags = {
    rounds: Flags.integer({
      description: 'measured rounds of 204,800 blocks',
      default: 7,
      min: 1,
      max: 1000,
    }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(BenchEvents);
    const { benchEvents } = await import('../../src/bench/events/event-path.js');
    const { eventsText } = await import('../../src/bench/events/events-text.js');
    const result = await benchEvents(flags.rounds);
    if (flags.json) this.printJson(result);
    else this.print(eventsText(result));
  }
}
