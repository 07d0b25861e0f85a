import { attach } from '../../src/cli/attach.js';
import { BaseCommand } from '../../src/cli/base-command.js';
import { type CacheFacts, cacheStatsText } from '../../src/cli/cache-text.js';

export default class CacheStats extends BaseCommand {
  static override description =
    'what each tier holds and gives: size, hit share, reads and writes, classes, promises kept and broken';
  static override examples = ['<%= config.bin %> cache stats', '<%= config.bin %> cache stats --json'];

  async run(): Promise<void> {
    const { flags } = await this.parse(CacheStats);
    const client = await attach(this.stackName(flags), this.paths);
    const facts = (await client.call('GET', '/dynamo/v1/cache')) as CacheFacts;
    if (flags.json) this.printJson(facts);
    else this.print(cacheStatsText(facts));
  }
}
