import { Flags } from '@oclif/core';
import { BaseCommand } from '../../src/cli/base-command.js';

export default class BenchGateway extends BaseCommand {
  static override description =
    'what the gateway costs: ours beside a pass-through and no gateway, over an upstream of negligible cost';
  static override examples = [
    '<%= config.bin %> bench gateway',
    '<%= config.bin %> bench gateway --sizes 256KiB --modes next --seconds 0.5 --rounds 1',
    '<%= config.bin %> bench gateway --streams 64 --duration 20',
    '<%= config.bin %> bench gateway --requests 100000 --json',
  ];
  static override flags = {
    modes: Flags.string({
      description: 'next = one turn more, repeated = the same bytes, cold = never seen',
      default: 'next,repeated,cold',
    }),
    sizes: Flags.string({ description: 'sizes of the body', default: '16KiB,256KiB,2MiB' }),
    connections: Flags.string({ description: 'numbers of connections', default: '1,16' }),
    answers: Flags.string({ description: 'forms of the answer', default: 'stream,plain' }),
    seconds: Flags.string({ description: 'seconds aimed at for each cell and candidate', default: '1' }),
    rounds: Flags.integer({ description: 'rounds, each candidate once', default: 2, min: 1, max: 100 }),
    streams: Flags.integer({
      description: 'instead: so many streams of 50 tokens/s at once',
      min: 1,
      max: 512,
    }),
    duration: Flags.integer({
      description: 'seconds of each stream [default: 10]',
      min: 1,
      max: 3_600,
      dependsOn: ['streams'],
    }),
    requests: Flags.integer({
      description: 'instead: memory over so many requests',
      min: 100,
      max: 10_000_000,
      exclusive: ['streams'],
    }),
    router: Flags.string({ description: 'routing policy', default: 'kv' }),
    tokenizer: Flags.string({
      description: "tokenizer.json, its folder or a GGUF file instead of SmolLM2's",
    }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(BenchGateway);
    const { cellsOf, positive } = await import('../../src/bench/gateway/cells.js');
    const text = await import('../../src/bench/gateway/gateway-text.js');
    const { withBench } = await import('../../src/bench/gateway/run.js');
    const cells = cellsOf(flags);
    const seconds = positive('seconds', flags.seconds);
    const note = (line: string) => this.note(line);
    const options = {
      paths: this.paths,
      router: flags.router,
      tokenizer: flags.tokenizer ?? null,
      seconds,
      note,
    };
    const print = <T>(show: (report: T) => string, report: T): void =>
      flags.json ? this.printJson(report) : this.print(show(report));
    await withBench(options, async (bench) => {
      if (flags.streams !== undefined) {
        const { measureSlowStreams } = await import('../../src/bench/gateway/streams.js');
        const wish = { streams: flags.streams, seconds: flags.duration ?? 10 };
        print(text.streamsText, await measureSlowStreams(bench, wish));
      } else if (flags.requests !== undefined) {
        const { measureMemory } = await import('../../src/bench/gateway/memory.js');
        print(text.memoryText, await measureMemory(bench, flags.requests));
      } else {
        const { measureTable } = await import('../../src/bench/gateway/table.js');
        const wish = { cells, seconds, rounds: flags.rounds, router: flags.router, note };
        print(text.tableText, await measureTable(bench, { ...wish, dynamoVersion: this.config.version }));
      }
    });
  }
}
