import { Flags } from '@oclif/core';
import { attach } from '../src/cli/attach.js';
import { BaseCommand } from '../src/cli/base-command.js';
import { stackStateDir } from '../src/cli/paths.js';
import { stopStack } from '../src/stack/stop.js';

export default class Down extends BaseCommand {
  static override description = 'stop a running stack: running requests finish first, unless --now';
  static override examples = [
    '<%= config.bin %> down',
    '<%= config.bin %> down --now',
    '<%= config.bin %> down --name second',
  ];
  static override flags = {
    now: Flags.boolean({ description: 'cut running requests off', default: false }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Down);
    const name = this.stackName(flags);
    const client = await attach(name, this.paths);
    const { forced } = await stopStack(client, stackStateDir(this.paths, name), { isGraceful: !flags.now });
    if (flags.json) this.printJson({ name, stopped: true, forced });
    else this.print(forced ? `stopped ${name} (it had to be killed)` : `stopped ${name}`);
  }
}
