import { Flags } from '@oclif/core';
import { BaseCommand } from '../src/cli/base-command.js';
import { modelsDir } from '../src/cli/paths.js';
import { canRedraw, hasScreen, screenFlags, screenWish } from '../src/cli/screen-flags.js';
import { DynamoError } from '../src/errors.js';
import type { EngineName, HostSnapshot, Plan } from '../src/plan/types.js';
import type { AttachWish } from '../src/stack/attach-plan.js';
import type { ResolvedPlan } from '../src/stack/resolve-plan.js';
import type { StackSpec } from '../src/stack/spec.js';

export default class Up extends BaseCommand {
  static override description = 'start a stack from a recipe: workers, router, gateway and the live screen';
  static override examples = [
    '<%= config.bin %> up',
    '<%= config.bin %> up --recipe ./my-model.gguf --workers 1',
    '<%= config.bin %> up --router round-robin --port 9000 --name second --detach',
    '<%= config.bin %> up --router ./examples/routers/thompson.mjs',
    '<%= config.bin %> up --recipe glm5 --dry-run',
    '<%= config.bin %> up --recipe glm5 --simulate=8xh200 --set simulator.speed=10',
    '<%= config.bin %> up --attach http://127.0.0.1:8001 --attach http://127.0.0.1:8002,events=tcp://127.0.0.1:5558',
  ];
  static override flags = {
    recipe: Flags.string({ description: 'recipe name, recipe file or GGUF file', env: 'DYNAMO_RECIPE' }),
    engine: Flags.string({ description: 'only variants of this engine' }),
    variant: Flags.string({ description: 'variant of the recipe' }),
    workers: Flags.integer({ description: 'number of workers', env: 'DYNAMO_WORKERS', min: 1, max: 64 }),
    host: Flags.string({ description: 'address to listen on [default: 127.0.0.1]', env: 'DYNAMO_HOST' }),
    port: Flags.integer({
      description: 'port to listen on, 0 for a free one [default: 8000]',
      env: 'DYNAMO_PORT',
      min: 0,
      max: 65_535,
    }),
    router: Flags.string({
      description:
        'kv, dynamo, round-robin, least-loaded, random, power-of-two, or a module of your own (./FILE.mjs) [default: kv]',
      env: 'DYNAMO_ROUTER',
    }),
    attach: Flags.string({
      description:
        'an engine that runs already: URL[,events=ENDPOINT][,replay=ENDPOINT][,engine=NAME][,priority=on] (repeat for several)',
      multiple: true,
      exclusive: ['recipe', 'engine', 'variant', 'workers', 'tiers', 'simulate'],
    }),
    simulate: Flags.string({
      description:
        "run everything but the model: workers pretend to be the recipe's on this box, for example 8xh200 [default: one it is verified on]",
    }),
    tokenizer: Flags.string({
      description: 'tokenizer.json, its folder, or a GGUF file, for attached engines',
      dependsOn: ['attach'],
    }),
    tiers: Flags.string({
      description: 'page tiers, e.g. cpu=8GiB,disk=50GiB:/path,remote=s3://bucket/prefix, or none',
      env: 'DYNAMO_TIERS',
    }),
    'api-key': Flags.string({
      description:
        'key clients must send (repeat for several); DYNAMO_API_KEY keeps it out of the process list',
      env: 'DYNAMO_API_KEY',
      multiple: true,
    }),
    'api-keys': Flags.string({
      description: 'YAML file of keys, each with the priorities, cache and number of requests it may have',
      env: 'DYNAMO_API_KEYS',
    }),
    insecure: Flags.boolean({ description: 'listen beyond this machine without a key', default: false }),
    'trust-remote-code': Flags.boolean({
      description: 'let vLLM run Python code that comes with the model, where the recipe needs it',
      env: 'DYNAMO_TRUST_REMOTE_CODE',
      default: false,
    }),
    set: Flags.string({ description: 'a recipe or router setting, key=value (repeat)', multiple: true }),
    record: Flags.string({
      description: 'folder to keep lengths, block hashes and times of requests in, for `replay`; never text',
      env: 'DYNAMO_RECORD',
    }),
    otel: Flags.string({
      description: 'OpenTelemetry collector (OTLP/HTTP) to send a span of every request to [default: none]',
      env: 'DYNAMO_OTEL',
    }),
    detach: Flags.boolean({ description: 'leave the stack running and return', default: false }),
    'no-tui': Flags.boolean({ description: 'plain lines instead of the screen', default: false }),
    ...screenFlags,
    'dry-run': Flags.boolean({ description: 'print the plan and start nothing', default: false }),
  };

  async run(): Promise<void> {
    const { withOptionalValue } = await import('../src/cli/optional-value.js');
    const { flags } = await this.parse(Up, withOptionalValue(this.argv, '--simulate', 'verified'));
    const name = this.stackName(flags);
    const { userSettings } = await import('../src/cli/user-settings.js');
    const { parsePairs, resolvePlan } = await import('../src/stack/resolve-plan.js');
    const settings = await userSettings(this.paths);
    const wish = {
      recipe: flags.recipe ?? settings.recipe,
      variant: flags.variant,
      engine: flags.engine as EngineName | undefined,
      workers: flags.workers ?? settings.workers,
      tiers: flags.tiers,
      simulate: flags.simulate,
      set: parsePairs(flags.set ?? []),
    };
    const { checkRouter } = await import('../src/stack/check-router.js');
    const router = await checkRouter(flags.router ?? settings.router ?? 'kv');
    const askedAt = Date.now();
    const resolved =
      flags.attach === undefined
        ? await resolvePlan(wish, this.paths)
        : await this.#attach({ attach: flags.attach, tokenizer: flags.tokenizer, set: wish.set });
    const { tracingSpec } = await import('../src/stack/tracing.js');
    const tracing = flags.otel === undefined ? {} : { tracing: tracingSpec(flags.otel, process.env) };
    if (flags['dry-run']) return this.#printPlan(resolved, flags.json);
    await this.#requireTrust(resolved.plan, flags['trust-remote-code'] || settings.trustRemoteCode === true);
    for (const warning of resolved.plan.warnings ?? []) this.note(`dynamo: ${warning}`);
    const { recordFolder } = await import('../src/stack/record-files.js');
    const record = flags.record === undefined ? {} : { record: recordFolder(flags.record) };
    const { runUp } = await import('../src/stack/run-up.js');
    // oclif hands over a text where a repeatable flag comes from the environment.
    const keys = await this.#keys([flags['api-key'] ?? []].flat(), flags['api-keys']);
    const plan = await this.#fetchModel(resolved.plan, name);
    const { plainLine } = await import('../src/tui/plain-line.js');
    const { isUtf8 } = await import('../src/tui/terminal.js');
    const wantsScreen = !flags['no-tui'] && hasScreen();
    const { stdin, stdout } = process;
    const terminal = { stdin, stdout, mode: 'up' as const, ...screenWish(flags) };
    const exit = await runUp({
      spec: {
        name,
        paths: this.paths,
        plan,
        host: flags.host ?? settings.host ?? '127.0.0.1',
        port: flags.port ?? settings.port ?? 8000,
        keyPolicies: keys,
        router,
        ...record,
        ...tracing,
        settings: resolved.settings,
        askedAt,
      },
      isInsecure: flags.insecure,
      isDetached: flags.detach,
      screen: wantsScreen
        ? async (options) => (await import('../src/tui/mount.js')).runScreen({ ...options, ...terminal })
        : null,
      terminal: canRedraw() && !flags['no-tui'] ? { isAscii: flags.ascii ?? !isUtf8(process.env) } : null,
      plainLine,
    });
    process.exitCode = exit;
  }

  async #keys(plain: readonly string[], file: string | undefined): Promise<StackSpec['keyPolicies']> {
    // What came from the environment is not in the arguments.
    if (this.argv.some((argument) => /^--api-key(=|$)/.test(argument))) {
      this.note(
        'dynamo: other users of this machine can see --api-key; use DYNAMO_API_KEY or --api-keys FILE.',
      );
    }
    const { policiesOfKeys, readKeyFile } = await import('../src/stack/key-file.js');
    return [...policiesOfKeys(plain), ...(file === undefined ? [] : readKeyFile(file))];
  }

  async #attach(wish: AttachWish): Promise<Pick<ResolvedPlan, 'plan' | 'settings'>> {
    const { attachPlan } = await import('../src/stack/attach-plan.js');
    const { readStackSettings } = await import('../src/stack/stack-settings.js');
    const { context, block_size, ...rest } = wish.set;
    return { plan: await attachPlan(wish), settings: readStackSettings(rest) };
  }

  /** What a checkpoint brings along runs with this user's rights: only when the user said so, not when a recipe does. */
  async #requireTrust({ recipe, variant, ...plan }: Plan, isTrusted: boolean): Promise<void> {
    const { foreignCodeFlags } = await import('../src/plan/foreign-code.js');
    const args = foreignCodeFlags(plan).join(' ');
    if (args === '' || isTrusted) return;
    const model = plan.model.kind === 'hub' ? plan.model.id : plan.model.path;
    const refusal = new DynamoError('untrusted_code', { recipe, variant, args, model });
    const { canAsk, confirm } = await import('../src/cli/confirm.js');
    if (!canAsk()) throw refusal;
    this.note(`dynamo: ${refusal.message}`);
    if (!(await confirm(`Run the code of ${model} with your rights?`))) throw refusal;
    this.note('dynamo: --trust-remote-code, or trustRemoteCode in the settings, answers this beforehand.');
  }

  async #printPlan(
    { plan, host }: Pick<ResolvedPlan, 'plan'> & { host?: HostSnapshot },
    isJson: boolean,
  ): Promise<void> {
    if (isJson) return this.printJson({ host, ...plan });
    const { planText } = await import('../src/plan/plan-text.js');
    this.print(planText(plan, host));
  }

  /** Engine and model file, before anything is started: the one found, the other fetched with progress or verified. */
  async #fetchModel(plan: Plan, name: string): Promise<Plan> {
    const { adapterOf } = await import('../src/stack/adapters.js');
    const { ensureModel } = await import('../src/stack/ensure-model.js');
    const { refuseRunning } = await import('../src/stack/run-up.js');
    refuseRunning(name, this.paths);
    const located = (await adapterOf(plan.engine).locate?.(plan, this.paths.data)) ?? plan;
    await ensureModel(located, modelsDir(this.paths));
    return located;
  }
}
