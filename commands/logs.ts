import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { Args, Flags } from '@oclif/core';
import { BaseCommand } from '../src/cli/base-command.js';
import { stackStateDir } from '../src/cli/paths.js';
import { followFile, tailFile } from '../src/cli/tail-file.js';
import { DynamoError } from '../src/errors.js';

export default class Logs extends BaseCommand {
  static override description = 'the output of a worker, or of the stack process itself';
  static override examples = [
    '<%= config.bin %> logs',
    '<%= config.bin %> logs w0',
    '<%= config.bin %> logs w1 --follow',
  ];
  static override args = {
    worker: Args.string({ description: 'worker id, for example w0; the stack itself when left out' }),
  };
  static override flags = {
    follow: Flags.boolean({ char: 'f', description: 'keep printing what is added', default: false }),
    lines: Flags.integer({
      char: 'n',
      description: 'lines from the end',
      default: 100,
      min: 0,
      max: 100_000,
    }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Logs);
    const dir = stackStateDir(this.paths, this.stackName(flags));
    const file = path.join(dir, args.worker === undefined ? 'stack.log' : `${args.worker}.log`);
    if (!/^[\w-]+$/.test(args.worker ?? 'stack') || !existsSync(file)) {
      const known = existsSync(dir)
        ? readdirSync(dir).flatMap((name) => (name.endsWith('.log') ? [name.slice(0, -4)] : []))
        : [];
      const remedy =
        known.length === 0 ? 'Start a stack with `dynamo up`.' : `There are logs of: ${known.join(', ')}.`;
      throw new DynamoError('usage', {
        detail: `There is no log of ${args.worker ?? 'the stack'} in ${dir}.`,
        remedy,
      });
    }
    const lines = tailFile(file, flags.lines);
    if (flags.json) return this.printJson({ file, lines });
    for (const line of lines) this.print(line);
    if (flags.follow) await followFile(file, (text) => process.stdout.write(text));
  }
}
