import { Flags } from '@oclif/core';
import { BaseCommand } from '../../src/cli/base-command.js';
import { modelsDir } from '../../src/cli/paths.js';

export default class BenchRoute extends BaseCommand {
  static override description = `how long it takes to choose the worker for an agent's next turn

Twice per length: put together from the turn before, as for attached engines, and rendered whole with the tokens of its
segments remembered, as for the embedded one.`;
  static override examples = [
    '<%= config.bin %> bench route',
    '<%= config.bin %> bench route --tokens 64000 --tokenizer ~/models/glm --json',
  ];
  static override flags = {
    tokens: Flags.integer({
      description: 'tokens of the longest prompt',
      multiple: true,
      default: [64_000, 200_000],
      min: 1_000,
      max: 1_000_000,
    }),
    turns: Flags.integer({ description: 'measured turns', default: 300, min: 10, max: 10_000 }),
    tokenizer: Flags.string({
      description: 'tokenizer.json, its folder or a GGUF file; the default model unless given',
    }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(BenchRoute);
    const { benchRoute } = await import('../../src/bench/route/decision.js');
    const { routeText } = await import('../../src/bench/route/route-text.js');
    const { loadTokenizerModel } = await import('../../src/model/hub-tokenizer.js');
    const { CATALOG, modelPath } = await import('../../src/model/catalog.js');
    const file = flags.tokenizer ?? modelPath(modelsDir(this.paths), CATALOG[0]!);
    const model = await loadTokenizerModel(file);
    const results = [];
    for (const promptTokens of flags.tokens) {
      for (const isWhole of [false, true]) {
        results.push(await benchRoute({ model, promptTokens, turns: flags.turns, isWhole }));
      }
    }
    if (flags.json) this.printJson(results);
    else this.print(routeText(file.replace(/^.*\//, ''), results));
  }
}
