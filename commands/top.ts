import { Flags } from '@oclif/core';
import { attach, type StackClient } from '../src/cli/attach.js';
import { BaseCommand } from '../src/cli/base-command.js';
import type { Snapshot } from '../src/telemetry/types.js';

const INTERVAL_MS = 500;

export default class Top extends BaseCommand {
  static override description = 'the live screen of a running stack';
  static override examples = [
    '<%= config.bin %> top',
    '<%= config.bin %> top --once',
    '<%= config.bin %> top --name second',
  ];
  static override flags = {
    once: Flags.boolean({ description: 'print one plain frame and leave', default: false }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Top);
    const name = this.stackName(flags);
    const client = await attach(name, this.paths);
    const isTerminal = process.stdout.isTTY === true && process.stdin.isTTY === true;
    if (flags.json) return this.printJson(await client.snapshot());
    if (flags.once || !isTerminal) {
      const { plainFrame } = await import('../src/tui/plain-frame.js');
      return this.print(plainFrame(await client.snapshot(), process.stdout.columns || 120));
    }
    if ((await showScreen(client)) === 'lost') {
      this.note(`dynamo: ${name} has stopped`);
      process.exitCode = 1;
    }
  }
}

async function showScreen(client: StackClient): Promise<'quit' | 'stop' | 'lost'> {
  const { runScreen } = await import('../src/tui/mount.js');
  let onGone: () => void = () => {};
  const ended = new Promise<void>((resolve) => {
    onGone = resolve;
  });
  const source = {
    subscribe: (listener: (snapshot: Snapshot) => void) => client.subscribe(listener, INTERVAL_MS, onGone),
  };
  return await runScreen({ source, stdin: process.stdin, stdout: process.stdout, mode: 'top', ended });
}
