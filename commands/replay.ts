import { Args, Flags } from '@oclif/core';
import { BaseCommand } from '../src/cli/base-command.js';
import { ProgressBar } from '../src/cli/progress-bar.js';
import { DynamoError } from '../src/errors.js';

export default class ReplayCommand extends BaseCommand {
  static override description =
    'run recorded traffic through the real router over simulated workers, in virtual time: Claude Code session files, Mooncake rows (open loop or agentic), closed-loop rows, own recordings, Claude Code logs';
  static override examples = [
    '<%= config.bin %> replay traces/claude-code',
    '<%= config.bin %> replay conversation_trace.jsonl --compare kv,round-robin,dynamo',
    '<%= config.bin %> replay traces/claude-code --capacity 0.25 --private-tools --stagger 10 --compare kv,dynamo',
    '<%= config.bin %> replay traces --worker-speed 1,1,0.25,0.1 --compare round-robin,kv,./examples/routers/thompson.mjs',
    '<%= config.bin %> replay traces --blocks 4478 --tiers cpu=2x --retention lru',
    '<%= config.bin %> replay ~/.claude/projects --recipe glm5 --hardware 8xh200 --json',
  ];
  static override strict = false;
  static override args = { trace: Args.string({ description: 'files or folders', required: true }) };
  static override flags = {
    compare: Flags.string({ description: 'routers, separated by commas: one run each, one table' }),
    router: Flags.string({
      description: 'routing policy, or a module of your own (./FILE.mjs)',
      default: 'kv',
    }),
    retention: Flags.option({
      options: ['lru', 'selective'] as const,
      description: 'what a full worker gives up first (default: selective with kv, lru with others)',
    })(),
    workers: Flags.integer({ description: 'workers (default 4, or as planned)', min: 1, max: 64 }),
    blocks: Flags.integer({
      description: 'KV blocks per worker (default 16384, or as planned)',
      min: 1,
      max: 4_000_000,
    }),
    capacity: Flags.custom<number>({
      description:
        "KV of all workers together as a share of the trace's distinct blocks (0.25), instead of --blocks",
      exclusive: ['blocks'],
      parse: factor,
    })(),
    'block-size': Flags.integer({ description: 'tokens of a KV block', default: 64, min: 1, max: 4_096 }),
    'trace-block-size': Flags.integer({
      description: "tokens of a trace's block id (default 512 for Mooncake rows, else 64)",
      min: 1,
      max: 65_536,
    }),
    tiers: Flags.string({
      description: 'memory of the host below all workers: cpu=2x (times their KV), cpu=512GiB (default none)',
    }),
    recipe: Flags.string({
      description: "time the workers as this recipe's instead of NVIDIA's mock engine",
    }),
    hardware: Flags.string({ description: 'on this box, for example 8xh200', dependsOn: ['recipe'] }),
    stagger: Flags.integer({
      description: 'seconds between the starts of session files',
      default: 5,
      min: 0,
      max: 86_400,
    }),
    'max-pause': Flags.integer({
      description: 'longest pause between an answer and the next request, in seconds; 0 = as recorded',
      default: 30,
      min: 0,
      max: 86_400,
    }),
    'private-tools': Flags.boolean({
      description: 'the tools text of every Claude Code session file is its own, not one text for all',
    }),
    'tag-every': Flags.integer({
      description: 'give every nth conversation (or single request) priority 100, all others none',
      min: 2,
    }),
    'arrival-speed': Flags.custom<number>({
      description: 'requests that come at fixed times come this many times as fast (4)',
      parse: factor,
    })(),
    'worker-speed': Flags.string({
      description: 'speed of each worker as a factor, separated by commas (1,1,0.25,0.1)',
    }),
    set: Flags.string({ description: 'a router setting, key=value (repeat)', multiple: true }),
    seed: Flags.integer({ description: 'of everything drawn at random', default: 1, min: 0 }),
  };

  async run(): Promise<void> {
    const { flags, argv } = await this.parse(ReplayCommand);
    const { planReplay } = await import('../src/stack/plan-replay.js');
    const { replay } = await import('../src/replay/replay.js');
    const { replayText } = await import('../src/replay/report-text.js');
    const bar = new ProgressBar('replaying');
    const { parsePairs } = await import('../src/stack/resolve-plan.js');
    const wish = { ...flags, set: parsePairs(flags.set ?? []) };
    const plan = await planReplay(argv as string[], wish, this.paths);
    const reports = await replay({ ...plan, progress: (done, of) => bar.update(done, of) });
    bar.clear();
    if (!flags.json) this.print(replayText(reports));
    else this.printJson(flags.compare === undefined ? reports[0] : reports);
  }
}

async function factor(text: string): Promise<number> {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (value >= 0.001 && value <= 1_000) return value;
  throw new DynamoError('usage', {
    detail: `\`${text}\` is neither a share nor a factor.`,
    remedy: 'Give a number between 0.001 and 1000.',
  });
}
