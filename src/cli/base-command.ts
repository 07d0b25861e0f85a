/** What every command shares: flags, paths, output, and how an error ends the process. */
import { Command, Flags } from '@oclif/core';
import { DynamoError } from '../errors.js';
import { type Paths, resolvePaths } from './paths.js';
import { renderError } from './render-error.js';

const STACK_NAME = /^[a-z0-9][a-z0-9_-]{0,31}$/i;

export abstract class BaseCommand extends Command {
  static override baseFlags = {
    name: Flags.string({
      description: 'name of the stack',
      default: 'default',
      env: 'DYNAMO_NAME',
      helpGroup: 'GLOBAL',
    }),
    json: Flags.boolean({
      description: 'print data as JSON, alone on stdout',
      default: false,
      helpGroup: 'GLOBAL',
    }),
  };

  readonly paths: Paths = resolvePaths();

  /** Writes one line to stdout. */
  print(text: string): void {
    process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
  }

  printJson(value: unknown): void {
    process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
  }

  /** Writes one line to stderr: progress and notes, never data. */
  note(text: string): void {
    process.stderr.write(text.endsWith('\n') ? text : `${text}\n`);
  }

  /** Refuses stack names that could leave the state folder. */
  stackName(flags: { name: string }): string {
    if (STACK_NAME.test(flags.name)) return flags.name;
    throw new DynamoError('usage', {
      detail: `The stack name \`${flags.name}\` is not usable.`,
      remedy: 'Use up to 32 letters, digits, `-` and `_`.',
    });
  }

  protected override async catch(
    error: Error & { exitCode?: number; oclif?: { exit?: number } },
  ): Promise<void> {
    if (error.oclif?.exit === 0) throw error;
    const name = (this.id ?? '').replaceAll(':', ' ');
    const { text, exit } = renderError(error, {
      name,
      flags: Object.keys({ ...this.ctor.baseFlags, ...this.ctor.flags }),
    });
    process.stderr.write(text);
    process.exit(exit);
  }
}
