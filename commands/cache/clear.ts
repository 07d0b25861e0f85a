import { Flags } from '@oclif/core';
import { attach } from '../../src/cli/attach.js';
import { BaseCommand } from '../../src/cli/base-command.js';

export default class CacheClear extends BaseCommand {
  static override description = 'remove the pages of a tier, or of all tiers below the engines’ own memory';
  static override examples = ['<%= config.bin %> cache clear', '<%= config.bin %> cache clear --tier disk'];
  static override flags = {
    tier: Flags.string({ description: 'only this tier', options: ['cpu', 'disk', 'remote'] }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(CacheClear);
    const client = await attach(this.stackName(flags), this.paths);
    const query = flags.tier === undefined ? '' : `?tier=${flags.tier}`;
    const { removed } = (await client.call('POST', `/admin/cache/clear${query}`)) as { removed: number };
    if (flags.json) this.printJson({ removed });
    else
      this.print(`removed ${removed} pages${flags.tier === undefined ? '' : ` of the ${flags.tier} tier`}`);
  }
}
