import { attach } from '../src/cli/attach.js';
import { BaseCommand } from '../src/cli/base-command.js';

export default class Status extends BaseCommand {
  static override description = 'what a running stack is doing; --json is the whole snapshot';
  static override examples = [
    '<%= config.bin %> status',
    '<%= config.bin %> status --json',
    '<%= config.bin %> status --name second',
  ];

  async run(): Promise<void> {
    const { flags } = await this.parse(Status);
    const client = await attach(this.stackName(flags), this.paths);
    const snapshot = await client.snapshot();
    if (flags.json) return this.printJson(snapshot);
    const { plainFrame } = await import('../src/tui/plain-frame.js');
    this.print(plainFrame(snapshot, process.stdout.columns ?? 120));
  }
}
