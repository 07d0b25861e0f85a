import { Flags } from '@oclif/core';
import { attach, type StackClient } from '../src/cli/attach.js';
import { BaseCommand } from '../src/cli/base-command.js';
import { stackStateDir } from '../src/cli/paths.js';
import { hasScreen, screenFlags, screenWish } from '../src/cli/screen-flags.js';
import { screenSource } from '../src/cli/screen-source.js';
import type { Snapshot } from '../src/telemetry/types.js';

const FOLLOW_MS = 2_000;

export default class Top extends BaseCommand {
  static override description = 'the live screen of a running stack';
  static override examples = [
    '<%= config.bin %> top',
    '<%= config.bin %> top --once',
    '<%= config.bin %> top --name second',
    '<%= config.bin %> top --follow --json | jq .hitRate.lastMinute',
  ];
  static override flags = {
    ...screenFlags,
    once: Flags.boolean({ description: 'print one plain frame and leave', default: false }),
    follow: Flags.boolean({
      description:
        'no screen: a plain line whenever something changed; with --json a snapshot a line, every 2 s',
      default: false,
      exclusive: ['once'],
    }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Top);
    const name = this.stackName(flags);
    const client = await attach(name, this.paths);
    if (flags.follow) return this.#follow(client, name, flags.json);
    if (flags.json) return this.printJson(await client.snapshot());
    if (flags.once || !hasScreen()) {
      const { plainFrame } = await import('../src/tui/plain-frame.js');
      return this.print(plainFrame(await client.snapshot(), process.stdout.columns || 120));
    }
    if ((await showScreen(client, stackStateDir(this.paths, name), screenWish(flags))) === 'lost') {
      this.#stopped(name);
    }
  }

  /** Until the stack ends, or nobody reads any more. */
  async #follow(client: StackClient, name: string, isJson: boolean): Promise<void> {
    const { plainLine } = await import('../src/tui/plain-line.js');
    let last = '';
    let unsubscribe = () => {};
    const how = await new Promise<'lost' | 'unread'>((resolve) => {
      process.stdout.once('error', () => resolve('unread'));
      const tell = (snapshot: Snapshot): void => {
        const line = isJson ? JSON.stringify(snapshot) : plainLine(snapshot);
        if (line !== last) process.stdout.write(`${line}\n`);
        last = line;
      };
      unsubscribe = client.subscribe(tell, FOLLOW_MS, () => resolve('lost'));
    });
    unsubscribe();
    if (how === 'lost') this.#stopped(name);
  }

  #stopped(name: string): void {
    this.note(`dynamo: ${name} has stopped`);
    process.exitCode = 1;
  }
}

async function showScreen(
  client: StackClient,
  stateDir: string,
  options: ReturnType<typeof screenWish>,
): Promise<'quit' | 'stop' | 'lost'> {
  const { runScreen } = await import('../src/tui/mount.js');
  let onGone: () => void = () => {};
  const ended = new Promise<void>((resolve) => {
    onGone = resolve;
  });
  const source = screenSource(client, stateDir, onGone);
  const { stdin, stdout } = process;
  return await runScreen({ source, stdin, stdout, mode: 'top', ended, ...options });
}
