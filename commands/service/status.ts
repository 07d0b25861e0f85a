import { existsSync } from 'node:fs';
import { BaseCommand } from '../../src/cli/base-command.js';
import { userConfigHome } from '../../src/cli/paths.js';
import { unitFile, unitName } from '../../src/cli/service-unit.js';
import { serviceState } from '../../src/cli/systemd.js';

export default class ServiceStatus extends BaseCommand {
  static override description = 'whether a stack is installed as a service, runs, and is started at login';
  static override examples = ['<%= config.bin %> service status', '<%= config.bin %> service status --json'];

  async run(): Promise<void> {
    const { flags } = await this.parse(ServiceStatus);
    const name = this.stackName(flags);
    const isInstalled = existsSync(unitFile(userConfigHome(), name));
    const state = isInstalled ? await serviceState(unitName(name)) : null;
    if (flags.json) return this.printJson({ name, unit: unitName(name), installed: isInstalled, ...state });
    if (state === null)
      return this.print(`${unitName(name)} is not installed; \`dynamo service install\` does it`);
    const pid = state.pid === null ? '' : `, pid ${state.pid}`;
    const login = state.isEnabled ? 'started at login' : 'not started at login';
    this.print(`${unitName(name)} ${state.active} (${state.sub}${pid}), ${login}`);
    if (state.active === 'failed')
      this.note(`See \`journalctl --user -u ${unitName(name)}\` and \`dynamo logs\`.`);
  }
}
