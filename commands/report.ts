import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Args, Flags } from '@oclif/core';
import { BaseCommand } from '../src/cli/base-command.js';
import type { ReportData } from '../src/report/types.js';

export default class Report extends BaseCommand {
  static override description =
    'one HTML page of a running stack or a recording: hit rate over time, latency, tiers, misses by cause, sessions';
  static override examples = [
    '<%= config.bin %> report',
    '<%= config.bin %> report ./recording --out monday.html',
    '<%= config.bin %> report --json',
  ];
  static override strict = false;
  static override args = {
    recording: Args.string({
      description: 'files or folders of `up --record`; without one: the running stack',
    }),
  };
  static override flags = {
    out: Flags.string({
      description: 'file to write, or - for stdout',
      default: 'dynamo-report.html',
    }),
  };

  async run(): Promise<void> {
    const { flags, argv } = await this.parse(Report);
    const data = await this.#data(argv as string[], flags);
    if (flags.json) return this.printJson(data);
    const { reportPage } = await import('../src/report/html/page.js');
    const page = reportPage(data);
    if (flags.out === '-') return this.print(page);
    const file = path.resolve(flags.out);
    await writeFile(file, page).catch((error: Error) => this.#refuse(flags.out, error));
    this.print(file);
  }

  async #data(recording: string[], flags: { name: string }): Promise<ReportData> {
    if (recording.length > 0) {
      const { readLines } = await import('../src/replay/read.js');
      const { fromRecording } = await import('../src/report/from-recording.js');
      return fromRecording(await readLines(recording), recording.join(' '));
    }
    const { attach } = await import('../src/cli/attach.js');
    const { fromRun } = await import('../src/report/from-run.js');
    const { marksOf } = await import('../src/tui/marks.js');
    const client = await attach(this.stackName(flags), this.paths);
    const run = (await client.call('GET', '/dynamo/v1/report')) as Parameters<typeof fromRun>[0];
    return fromRun(run, marksOf(run.snapshot));
  }

  async #refuse(out: string, cause: Error): Promise<never> {
    const { DynamoError } = await import('../src/errors.js');
    const detail = `The report cannot be written to ${out}: ${cause.message}`;
    throw new DynamoError('usage', { detail, remedy: 'Give a file you may write with --out.' }, { cause });
  }
}
