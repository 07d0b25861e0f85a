import { Args } from '@oclif/core';
import { attach } from '../src/cli/attach.js';
import { BaseCommand } from '../src/cli/base-command.js';
import { decisionText } from '../src/cli/decision-text.js';

export default class Explain extends BaseCommand {
  static override description =
    'why a request went where it went, and why its prompt was not read from a cache: the decision with its inputs, the first message that differs, what was evicted when';
  static override examples = [
    '<%= config.bin %> explain 6e3446b7a2c149fd8a9656dbc4013d2b',
    'curl -si localhost:8000/v1/chat/completions -d @body.json | grep x-request-id',
  ];
  static override args = {
    request: Args.string({ description: 'value of the x-request-id header', required: true }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Explain);
    const client = await attach(this.stackName(flags), this.paths);
    const decision = await client.call('GET', `/dynamo/v1/requests/${encodeURIComponent(args.request)}`);
    if (flags.json) this.printJson(decision);
    else this.print(decisionText(decision));
  }
}
