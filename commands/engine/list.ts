import { BaseCommand } from '../../src/cli/base-command.js';

export default class EngineList extends BaseCommand {
  static override description = 'the engines dynamo can start, and which are on this machine';
  static override examples = ['<%= config.bin %> engine list', '<%= config.bin %> engine list --json'];

  async run(): Promise<void> {
    const { flags } = await this.parse(EngineList);
    const { engineListText, listEngines } = await import('../../src/engines/list.js');
    const engines = await listEngines(this.paths.data);
    if (flags.json) this.printJson(engines);
    else this.print(engineListText(engines));
  }
}
