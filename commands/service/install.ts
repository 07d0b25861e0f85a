import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Flags } from '@oclif/core';
import { BaseCommand } from '../../src/cli/base-command.js';
import { userConfigHome } from '../../src/cli/paths.js';
import { unitFile, unitName, unitText } from '../../src/cli/service-unit.js';
import { systemctl } from '../../src/cli/systemd.js';
import { DynamoError } from '../../src/errors.js';

/** What the stack sees of this shell: where programs and dynamo's own folders are. */
const KEPT = /^(?:PATH|LANG|DYNAMO_HOME|XDG_(?:CONFIG|DATA|STATE)_HOME|HF_HOME|CUDA_HOME|LD_LIBRARY_PATH)$/;

export default class ServiceInstall extends BaseCommand {
  static override description =
    'have the user’s systemd start a stack now and at each login; arguments of `dynamo up` stand behind --';
  static override examples = [
    '<%= config.bin %> service install',
    '<%= config.bin %> service install --name web -- --recipe smollm2 --port 9000',
  ];
  static override flags = {
    'no-start': Flags.boolean({ description: 'write the unit, start nothing', default: false }),
  };
  static override usage = 'service install [FLAGS] [-- ARGS OF UP]';

  async run(): Promise<void> {
    const at = this.argv.indexOf('--');
    const upArgs = at < 0 ? [] : this.argv.slice(at + 1);
    const { flags } = await this.parse(ServiceInstall, at < 0 ? this.argv : this.argv.slice(0, at));
    const name = this.stackName(flags);
    refuse(upArgs);
    const file = unitFile(userConfigHome(), name);
    const secretsFile = path.join(this.paths.config, `service-${name}.env`);
    const env = Object.fromEntries(
      Object.entries(process.env).filter((entry): entry is [string, string] => KEPT.test(entry[0])),
    );
    const program = path.join(this.config.root, 'bin', 'run.js');
    const text = unitText({ name, node: process.execPath, program, upArgs, env, secretsFile });
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text);
    await systemctl('daemon-reload');
    await systemctl('enable', unitName(name));
    if (!flags['no-start']) await systemctl('restart', unitName(name));
    if (flags.json) return this.printJson({ name, unit: unitName(name), file, started: !flags['no-start'] });
    this.print(`${flags['no-start'] ? 'installed' : 'installed and started'} ${unitName(name)} (${file})`);
    this.note(`Keys go into ${secretsFile}, for example DYNAMO_API_KEY=…`);
    this.note('To have it run without a login: loginctl enable-linger');
  }
}

/** A service has no terminal, its name is the unit’s, and a unit can be read by others. */
function refuse(upArgs: readonly string[]): void {
  const wrong = upArgs.find((arg) => /^--(?:detach|name|api-key)(?:=|$)/.test(arg));
  if (wrong === undefined) return;
  const remedy = wrong.startsWith('--api-key')
    ? 'Put the key into the service’s own file; `dynamo service install` names it.'
    : 'Write `dynamo service install --name NAME -- …`; it never detaches.';
  throw new DynamoError('usage', { detail: `\`${wrong.split('=')[0]}\` is not for services.`, remedy });
}
