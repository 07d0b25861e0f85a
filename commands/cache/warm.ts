import { readFile } from 'node:fs/promises';
import { Args } from '@oclif/core';
import { attach } from '../../src/cli/attach.js';
import { BaseCommand } from '../../src/cli/base-command.js';
import { warmBodies } from '../../src/cli/warm-file.js';

export default class CacheWarm extends BaseCommand {
  static override description =
    'compute prefixes before they are needed: a file with a request of any dialect, or one per line';
  static override examples = [
    '<%= config.bin %> cache warm request.json',
    '<%= config.bin %> cache warm prefixes.jsonl',
  ];
  static override args = { file: Args.string({ description: 'JSON or JSON lines', required: true }) };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(CacheWarm);
    const bodies = warmBodies(args.file, await readFile(args.file, 'utf8').catch((error: Error) => error));
    const client = await attach(this.stackName(flags), this.paths);
    const results = [];
    for (const body of bodies) {
      const result = (await client.call('POST', '/dynamo/v1/prefill', body, PREFILL_MS)) as Warmed;
      results.push(result);
      if (!flags.json) this.print(warmedText(result));
    }
    if (flags.json) this.printJson(results);
  }
}

/** A cold prompt that fills the context takes a minute on one core; behind others longer. */
const PREFILL_MS = 600_000;

interface Warmed {
  prompt_tokens: number;
  /** Null where its request came before it was done. */
  cached_tokens: number | null;
  worker_id: { prefill_worker_id: string };
}

function warmedText({ prompt_tokens, cached_tokens, worker_id }: Warmed): string {
  const cached = cached_tokens === null ? 'its request came first' : `${cached_tokens} were cached`;
  return `${prompt_tokens} prompt tokens on ${worker_id.prefill_worker_id}, ${cached}`;
}
