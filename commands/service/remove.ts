import { existsSync, rmSync } from 'node:fs';
import { BaseCommand } from '../../src/cli/base-command.js';
import { userConfigHome } from '../../src/cli/paths.js';
import { unitFile, unitName } from '../../src/cli/service-unit.js';
import { systemctl } from '../../src/cli/systemd.js';
import { DynamoError } from '../../src/errors.js';

export default class ServiceRemove extends BaseCommand {
  static override description =
    'stop a stack that systemd started and take its unit away; models and logs stay';
  static override examples = [
    '<%= config.bin %> service remove',
    '<%= config.bin %> service remove --name web',
  ];

  async run(): Promise<void> {
    const { flags } = await this.parse(ServiceRemove);
    const name = this.stackName(flags);
    const file = unitFile(userConfigHome(), name);
    if (!existsSync(file)) {
      throw new DynamoError('usage', {
        detail: `There is no service ${unitName(name)}.`,
        remedy: '`dynamo service install` makes one.',
      });
    }
    await systemctl('disable', '--now', unitName(name));
    rmSync(file, { force: true });
    await systemctl('daemon-reload');
    if (flags.json) this.printJson({ name, unit: unitName(name), removed: true });
    else this.print(`stopped and removed ${unitName(name)}`);
  }
}
