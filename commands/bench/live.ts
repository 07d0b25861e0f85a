import { writeFileSync } from 'node:fs';
import { Flags } from '@oclif/core';
import { BaseCommand } from '../../src/cli/base-command.js';
import { withOptionalValue } from '../../src/cli/optional-value.js';

export default class BenchLive extends BaseCommand {
  static override description =
    'conversations on real workers: second-turn latency, and hit rates of routing policies side by side';
  static override examples = [
    '<%= config.bin %> bench live',
    '<%= config.bin %> bench live --sessions 20 --compare kv,round-robin,random --json',
    '<%= config.bin %> bench live --minutes 30 --recipe glm5 --simulate --sessions 200 --svg soak.svg',
    '<%= config.bin %> bench live --minutes 5 --recipe glm5 --simulate=128xh200 --workers 16 --sessions 1000 --prompt 128000 --rate 50 --set simulator.speed=50',
  ];
  static override flags = {
    recipe: Flags.string({ description: 'recipe to run' }),
    workers: Flags.integer({ description: 'number of workers', default: 2, min: 1, max: 64 }),
    sessions: Flags.integer({ description: 'conversations at once', default: 10, min: 1, max: 1000 }),
    turns: Flags.integer({ description: 'turns of each', default: 5, min: 1, max: 100 }),
    compare: Flags.string({ description: 'policies, each on a fresh stack', default: 'kv,round-robin' }),
    minutes: Flags.string({
      description: 'instead: so many minutes at an even pace; memory, descriptors and own time over them',
    }),
    simulate: Flags.string({
      description:
        'with --minutes: workers that pretend to be on this box (`verified` alone: the recipe’s own)',
      dependsOn: ['minutes'],
    }),
    rate: Flags.string({
      description: 'with --minutes: requests a second [default: 80 % of what is measured first]',
      dependsOn: ['minutes'],
    }),
    prompt: Flags.integer({
      description: 'with --minutes: tokens a conversation begins with',
      default: 1_000,
      min: 10,
      max: 1_000_000,
    }),
    set: Flags.string({
      description: 'with --minutes: a recipe, simulator or router setting, key=value (repeat)',
      multiple: true,
      dependsOn: ['minutes'],
    }),
    svg: Flags.string({ description: 'with --minutes: file for the graph', dependsOn: ['minutes'] }),
    conversations: Flags.integer({
      description: 'conversations of the second-turn measurement',
      default: 5,
      min: 1,
      max: 100,
    }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(BenchLive, withOptionalValue(this.argv, '--simulate', 'verified'));
    if (flags.minutes !== undefined) {
      await this.soak({ ...flags, minutes: flags.minutes });
      return;
    }
    const { runLive } = await import('../../src/bench/run-live.js');
    const { liveText } = await import('../../src/bench/report-text.js');
    const report = await runLive({
      paths: this.paths,
      wish: {
        ...(flags.recipe === undefined ? {} : { recipe: flags.recipe }),
        workers: flags.workers,
        set: {},
      },
      routers: flags.compare.split(',').map((name) => name.trim()),
      sessions: flags.sessions,
      turns: flags.turns,
      conversations: flags.conversations,
      note: (text) => this.note(text),
    });
    if (flags.json) this.printJson(report);
    else this.print(liveText(report));
  }

  private async soak(flags: SoakFlags): Promise<void> {
    const { positive } = await import('../../src/bench/gateway/cells.js');
    const { runSoak } = await import('../../src/bench/soak/run.js');
    const { soakText } = await import('../../src/bench/soak/text.js');
    const { parsePairs } = await import('../../src/stack/resolve-plan.js');
    const { soakSvg } = await import('../../src/bench/soak/svg.js');
    const report = await runSoak({
      paths: this.paths,
      wish: {
        recipe: flags.recipe,
        simulate: flags.simulate,
        workers: flags.workers,
        set: parsePairs(flags.set ?? []),
      },
      router: flags.compare.split(',')[0]?.trim() ?? 'kv',
      minutes: positive('minutes', flags.minutes),
      sessions: flags.sessions,
      turns: flags.turns,
      promptTokens: flags.prompt,
      turnTokens: 150,
      answerTokens: 48,
      rate: flags.rate === undefined ? null : positive('rate', flags.rate),
      note: (text) => this.note(text),
    });
    if (flags.svg !== undefined) writeFileSync(flags.svg, soakSvg(report));
    if (flags.json) this.printJson(report);
    else this.print(soakText(report));
  }
}

interface SoakFlags {
  recipe?: string | undefined;
  simulate?: string | undefined;
  workers: number;
  compare: string;
  minutes: string;
  sessions: number;
  turns: number;
  prompt: number;
  rate?: string | undefined;
  set?: string[] | undefined;
  svg?: string | undefined;
  json?: boolean;
}
