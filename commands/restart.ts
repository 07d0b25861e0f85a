import { Args } from '@oclif/core';
import { attach } from '../src/cli/attach.js';
import { BaseCommand } from '../src/cli/base-command.js';
import { RESTART_TIMEOUT_MS, restartPath } from '../src/cli/screen-source.js';
import type { Restarted } from '../src/stack/restart-worker.js';

export default class Restart extends BaseCommand {
  static override description =
    'replace one worker: its running requests finish, new ones go to the others, then it starts anew with an empty cache';
  static override examples = ['<%= config.bin %> restart w0', '<%= config.bin %> restart w1 --name second'];
  static override args = {
    worker: Args.string({ description: 'worker id, for example w0', required: true }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Restart);
    const client = await attach(this.stackName(flags), this.paths);
    const path = restartPath(args.worker);
    const done = (await client.call('POST', path, undefined, RESTART_TIMEOUT_MS)) as Restarted;
    if (flags.json) return this.printJson(done);
    const { worker, running, cutOff, ms } = done;
    const requests = running === 1 ? '1 request was' : `${running} requests were`;
    const cut = cutOff === 0 ? '' : `, ${cutOff} cut off after the drain time`;
    this.print(`restarted ${worker} in ${(ms / 1000).toFixed(1)} s; ${requests} running${cut}`);
  }
}
