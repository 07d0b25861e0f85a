import path from 'node:path';
import { Args, Flags } from '@oclif/core';
import { HARNESS_NAMES, HARNESSES } from '../src/agents/launch/harnesses.js';
import { noProxy } from '../src/agents/launch/no-proxy.js';
import { servedLimits } from '../src/agents/launch/served-limits.js';
import { maskSecrets, shellLines } from '../src/agents/launch/shell-lines.js';
import type { Harness, HarnessLaunch, HarnessName, PromptSize } from '../src/agents/launch/types.js';
import { attach } from '../src/cli/attach.js';
import { BaseCommand } from '../src/cli/base-command.js';
import { harnessHome, temporaryHome, writeHome } from '../src/cli/harness-home.js';
import { userConfigHome } from '../src/cli/paths.js';
import { findProgram, harnessEnvironment, runHarness } from '../src/cli/run-harness.js';
import { reachableUrl, servedModel } from '../src/cli/served-model.js';
import { DynamoError } from '../src/errors.js';

const PROMPT_SIZES: PromptSize[] = ['auto', 'small', 'full'];

export default class Launch extends BaseCommand {
  static override description =
    'run a coding agent against a running stack, with a configuration of its own: your files stay as they are';
  static override examples = [
    '<%= config.bin %> launch claude',
    '<%= config.bin %> launch codex -- exec "explain this repository"',
    '<%= config.bin %> launch opencode --name second -- run "fix the failing test"',
    '<%= config.bin %> launch pi --print-env',
  ];
  static override args = {
    harness: Args.string({ description: 'the coding agent', options: HARNESS_NAMES, required: true }),
  };
  static override flags = {
    prompt: Flags.string({
      description: "size of the agent's own prompt; auto keeps it small where the context window is small",
      options: PROMPT_SIZES,
      default: 'auto',
    }),
    temporary: Flags.boolean({
      description: 'use an empty configuration home and remove it afterwards',
      default: false,
    }),
    'print-env': Flags.boolean({ description: 'print what would be set and start nothing', default: false }),
    'show-secrets': Flags.boolean({
      description: 'print API keys too',
      default: false,
      dependsOn: ['print-env'],
    }),
  };
  static override usage = 'launch claude|codex|opencode|pi [FLAGS] [-- ARGS]';

  async run(): Promise<void> {
    const { own, rest } = splitAtDashes(this.argv);
    const { args, flags } = await this.#parseOwn(own);
    const harness = HARNESSES[args.harness as HarnessName];
    const facts = await this.#stackFacts(this.stackName(flags));
    const home = flags.temporary && !flags['print-env'] ? temporaryHome(harness.name) : null;
    const configDir = home?.dir ?? harnessHome(this.paths, flags.name, harness.name);
    try {
      const prompt = flags.prompt as PromptSize;
      const userConfigDir = userConfigHome();
      const launch = harness.prepare({ ...facts, configDir, userConfigDir, userArgs: rest, prompt });
      launch.env = { ...launch.env, ...noProxy(facts.url, process.env) };
      if (flags['print-env']) this.#printLaunch(launch, flags);
      else process.exitCode = await this.#start(harness, launch, configDir);
    } finally {
      home?.remove();
    }
  }

  /** Forgetting the `--` is the likeliest mistake here. */
  async #parseOwn(own: string[]) {
    try {
      return await this.parse(Launch, own);
    } catch (error) {
      const { message } = error as Error;
      const name = (error as Error).constructor.name;
      if (name !== 'NonExistentFlagsError' && name !== 'UnexpectedArgsError') throw error;
      const detail = message.split('\n')[0] ?? message;
      const remedy = 'Put what is meant for the agent behind `--`: `dynamo launch claude -- -p "hello"`.';
      throw new DynamoError('usage', { detail: `${detail}.`, remedy }, { cause: error });
    }
  }

  /** Address, model, window and key of the running stack. */
  async #stackFacts(name: string) {
    const { stack } = await (await attach(name, this.paths)).snapshot();
    const apiKey = process.env['DYNAMO_API_KEY'] || null;
    const url = reachableUrl(stack.url);
    const served = await servedModel(url, stack.model, apiKey);
    const limits = servedLimits(served.contextTokens, await this.#recipeHints(stack.recipe));
    return { url, apiKey, model: served.model, ...limits };
  }

  /** A recipe file may be gone or changed since the stack started; its hints are worth having, not worth failing for. */
  async #recipeHints(recipe: string) {
    try {
      const { loadRecipe } = await import('../src/recipes/load.js');
      return (await loadRecipe(recipe, { userDir: path.join(this.paths.config, 'recipes') })).harness;
    } catch {
      return {};
    }
  }

  async #start(harness: Harness, launch: HarnessLaunch, configDir: string): Promise<number> {
    const program = findProgram(launch.program, process.env);
    if (program === null) {
      throw new DynamoError('harness_missing', {
        title: harness.title,
        program: harness.program,
        package: harness.package,
      });
    }
    writeHome(configDir, launch.files);
    for (const note of launch.notes) this.note(`dynamo: ${note}`);
    const env = harnessEnvironment(process.env, { unset: launch.unset, added: launch.env });
    return await runHarness({ program, args: launch.args, env });
  }

  #printLaunch(launch: HarnessLaunch, flags: { json: boolean; 'show-secrets': boolean }): void {
    const showSecrets = flags['show-secrets'];
    for (const note of launch.notes) this.note(`dynamo: ${note}`);
    if (flags.json) {
      const { program, args, unset, files } = launch;
      const env = showSecrets ? launch.env : maskSecrets(launch);
      this.printJson({ program, args, env, unset, files: files.map((file) => file.path) });
    } else {
      this.print(shellLines(launch, { showSecrets }));
    }
  }
}

/** Everything behind the first `--` is the agent's, flags of our own names included. */
function splitAtDashes(argv: readonly string[]): { own: string[]; rest: string[] } {
  const at = argv.indexOf('--');
  return at < 0 ? { own: [...argv], rest: [] } : { own: argv.slice(0, at), rest: argv.slice(at + 1) };
}
