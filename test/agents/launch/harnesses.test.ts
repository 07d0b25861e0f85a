/** What each harness is started with: pure, so every window size and every argument can be tried. */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HARNESS_NAMES, HARNESSES } from '../../../src/agents/launch/harnesses.js';
import { noProxy } from '../../../src/agents/launch/no-proxy.js';
import { servedLimits } from '../../../src/agents/launch/served-limits.js';
import { shellLines } from '../../../src/agents/launch/shell-lines.js';
import type { HarnessLaunch, HarnessName, LaunchInput } from '../../../src/agents/launch/types.js';

const BASE: LaunchInput = {
  url: 'http://127.0.0.1:8000',
  model: 'smollm2',
  contextTokens: 202_752,
  outputLimit: 32_768,
  apiKey: 'sk-stack-key',
  configDir: '/state/harness/x',
  userConfigDir: '/home/someone/.config',
  userArgs: [],
  prompt: 'auto',
};
const SMALL = { contextTokens: 8_192, outputLimit: 1_024 };

const launch = (name: HarnessName, change: Partial<LaunchInput> = {}): HarnessLaunch =>
  HARNESSES[name].prepare({ ...BASE, ...change });

/** Text of a written file, whatever its kind. */
const fileJson = (made: HarnessLaunch, name: string) => {
  const file = made.files.find((entry) => path.basename(entry.path) === name);
  return file?.kind === 'merged' ? file.values : JSON.parse(file?.text ?? 'null');
};

const inputs = fc.record({
  url: fc.constantFrom('http://127.0.0.1:8000', 'http://[::1]:9000'),
  model: fc.stringMatching(/^[a-z0-9][a-z0-9.-]{0,30}$/),
  contextTokens: fc.integer({ min: 2_048, max: 1_000_000 }),
  outputLimit: fc.integer({ min: 1, max: 1_024 }),
  apiKey: fc.stringMatching(/^KEY[A-Za-z0-9'"$ \\-]{8,40}$/),
  configDir: fc.constant('/state/harness/x'),
  userConfigDir: fc.constant('/home/someone/.config'),
  userArgs: fc.array(fc.string({ maxLength: 12 }), { maxLength: 4 }),
  prompt: fc.constantFrom('auto' as const, 'small' as const, 'full' as const),
});

describe.each(HARNESS_NAMES)('%s', (name) => {
  it('has the key in marked variables only: not in argv, files, notes or printed lines', () => {
    fc.assert(
      fc.property(inputs, (input) => {
        const made = HARNESSES[name].prepare(input);
        const open = Object.entries(made.env).filter(([variable]) => !made.secrets.includes(variable));
        const shown = [
          made.args.slice(0, made.args.length - input.userArgs.length),
          open,
          made.files,
          made.notes,
        ];
        expect(made.secrets.map((variable) => made.env[variable])).toContain(input.apiKey);
        expect(JSON.stringify(shown)).not.toContain(JSON.stringify(input.apiKey).slice(1, -1));
        expect(shellLines({ ...made, args: [] }, { showSecrets: false })).not.toContain(input.apiKey);
      }),
    );
  });

  it('passes the arguments of the user on, last and unchanged', () => {
    fc.assert(
      fc.property(inputs, (input) => {
        const { args } = HARNESSES[name].prepare(input);
        expect(args.slice(args.length - input.userArgs.length)).toEqual(input.userArgs);
      }),
    );
  });

  it('keeps every file and every folder it names below its configuration home', () => {
    const made = launch(name);
    const folders = Object.entries(made.env).filter(([variable]) => /_(HOME|DIR)$/.test(variable));
    expect(folders.length).toBeGreaterThan(0);
    for (const place of [...folders.map(([, value]) => value), ...made.files.map((file) => file.path)]) {
      expect(`${place}/`.startsWith('/state/harness/x/')).toBe(true);
    }
  });

  it('says nothing and cuts nothing when the window is large or the user wants the full prompt', () => {
    expect(launch(name).notes).toEqual([]);
    const full = launch(name, { ...SMALL, prompt: 'full' });
    expect(full.notes.join()).not.toContain('prompt');
    expect(launch(name, { prompt: 'small' }).notes.join()).toContain('--prompt full');
  });

  it('starts without a key when the stack wants none', () => {
    const made = launch(name, { apiKey: null });
    expect(made.secrets).toEqual([]);
    expect(Object.keys(made.env)).not.toContain('DYNAMO_API_KEY');
  });
});

describe('Claude Code', () => {
  it('learns window, answer length and model, and sends no attribution block', () => {
    const { env } = launch('claude');
    expect(env).toMatchObject({
      ANTHROPIC_BASE_URL: 'http://127.0.0.1:8000',
      ANTHROPIC_AUTH_TOKEN: 'sk-stack-key',
      CLAUDE_CODE_MAX_CONTEXT_TOKENS: '202752',
      CLAUDE_CODE_MAX_OUTPUT_TOKENS: '32768',
      CLAUDE_CODE_ATTRIBUTION_HEADER: '0',
      ANTHROPIC_DEFAULT_HAIKU_MODEL: 'smollm2',
      CLAUDE_CODE_SUBAGENT_MODEL: 'smollm2',
    });
    expect(env).not.toHaveProperty('DISABLE_AUTO_COMPACT');
  });

  it('gets small tools and a short system prompt where 28,400 tokens do not fit, each unless the user chose', () => {
    const flags = (...userArgs: string[]) => {
      const { args } = launch('claude', { ...SMALL, userArgs });
      return args.slice(0, args.length - userArgs.length);
    };
    expect(flags('-p', 'hi')).toEqual([
      '--tools=Bash,Edit,Read',
      '--bare',
      '--system-prompt',
      expect.any(String),
    ]);
    expect(flags('--tools', 'Bash')).toEqual(['--bare', '--system-prompt', expect.any(String)]);
    expect(flags('--system-prompt=mine', '--tools=Bash')).toEqual(['--bare']);
    expect(flags('mcp', 'list')).toEqual([]);
  });

  it('has no bare variadic option in front of the words of the user, which would swallow them', () => {
    for (const change of [{}, SMALL]) {
      const { args } = launch('claude', { ...change, userArgs: ['say hi'] });
      expect(args.filter((arg) => /^--(tools|disallowedTools)$/.test(arg))).toEqual([]);
    }
  });

  it('compacts by itself only where its reserve leaves anything', () => {
    expect(launch('claude', SMALL).env).toMatchObject({
      DISABLE_AUTO_COMPACT: '1',
      CLAUDE_CODE_BLOCKING_LIMIT_OVERRIDE: '7168',
    });
    expect(launch('claude', { contextTokens: 32_768, outputLimit: 8_192 }).env).not.toHaveProperty(
      'DISABLE_AUTO_COMPACT',
    );
  });

  it('compacts in time, which takes a variable of its own, unless its usual prompt is over that point', () => {
    const window = (change: object) => launch('claude', change).env['CLAUDE_CODE_AUTO_COMPACT_WINDOW'];
    expect(window({ contextTokens: 202_752, outputLimit: 32_000 })).toBe('202752');
    // Its least value; the true window bounds it.
    expect(window({ contextTokens: 64_000, outputLimit: 16_000 })).toBe('100000');
    expect(window({ contextTokens: 2_000_000, outputLimit: 32_000 })).toBe('1000000');
    expect(window({ contextTokens: 48_000, outputLimit: 12_000 })).toBeUndefined();
    expect(window({ contextTokens: 32_768, outputLimit: 8_192 })).toBe('100000');
    expect(window(SMALL)).toBeUndefined();
  });

  it('takes other providers and other keys out of the environment', () => {
    expect(launch('claude').unset).toEqual(
      expect.arrayContaining(['ANTHROPIC_API_KEY', 'CLAUDE_CODE_USE_BEDROCK', 'CLAUDECODE']),
    );
  });
});

describe('Codex', () => {
  const setting = (made: HarnessLaunch, key: string) =>
    made.args
      .find((arg, index) => made.args[index - 1] === '-c' && arg.startsWith(`${key}=`))
      ?.slice(key.length + 1);

  it('gets a catalogue with the true window and the freeform apply_patch', () => {
    const made = launch('codex');
    const [entry] = fileJson(made, 'dynamo-models.json').models;
    expect(entry).toMatchObject({
      slug: 'smollm2',
      context_window: 202_752 - 32_768,
      apply_patch_tool_type: 'freeform',
      truncation_policy: { mode: 'tokens', limit: 10_000 },
    });
    expect(entry.base_instructions).toContain('*** Begin Patch');
    expect(JSON.parse(setting(made, 'model_catalog_json') ?? '')).toBe('/state/harness/x/dynamo-models.json');
  });

  it('talks over a WebSocket', () => {
    expect(setting(launch('codex'), 'model_providers.dynamo.supports_websockets')).toBe('true');
  });

  it('names the variable of the key, not the key', () => {
    expect(setting(launch('codex'), 'model_providers.dynamo.env_key')).toBe('"DYNAMO_API_KEY"');
    expect(setting(launch('codex', { apiKey: null }), 'model_providers.dynamo.env_key')).toBeUndefined();
  });

  it('drops instructions and tools in a small window, and lets no tool result fill it', () => {
    const made = launch('codex', SMALL);
    expect(setting(made, 'include_permissions_instructions')).toBe('false');
    const [entry] = fileJson(made, 'dynamo-models.json').models;
    expect(entry.base_instructions.length).toBeLessThan(400);
    expect(entry.truncation_policy.limit).toBeLessThan(SMALL.contextTokens / 4);
  });
});

describe('opencode', () => {
  it('gets one provider with the limits of the model, and no other', () => {
    const config = JSON.parse(launch('opencode').env['OPENCODE_CONFIG_CONTENT'] ?? '');
    expect(config).toMatchObject({
      model: 'dynamo/smollm2',
      small_model: 'dynamo/smollm2',
      enabled_providers: ['dynamo'],
      share: 'disabled',
      autoupdate: false,
    });
    expect(config.provider.dynamo.options).toMatchObject({
      baseURL: 'http://127.0.0.1:8000/v1',
      apiKey: '{env:DYNAMO_API_KEY}',
    });
    expect(config.provider.dynamo.models.smollm2.limit).toEqual({ context: 202_752, output: 32_768 });
  });

  it('finds its plugin package in the lock file, so it does not install it', () => {
    const lock = fileJson(launch('opencode'), 'package-lock.json');
    expect(lock.packages[''].dependencies).toHaveProperty('@opencode-ai/plugin');
  });

  it('keeps the git settings of the user', () => {
    const git = launch('opencode').files.find((file) => file.path.endsWith('/git/config'));
    expect(git).toMatchObject({ text: expect.stringContaining('path = "/home/someone/.config/git/config"') });
  });
});

describe('pi', () => {
  it('reserves less than the window at every size', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2_048, max: 1_000_000 }), (contextTokens) => {
        const made = launch('pi', servedLimits(contextTokens, {}));
        const { reserveTokens, keepRecentTokens } = fileJson(made, 'settings.json').compaction;
        const { maxTokens, contextWindow } = fileJson(made, 'models.json').providers.dynamo.models[0];
        expect(contextWindow).toBe(contextTokens);
        expect(maxTokens).toBeLessThan(contextTokens);
        expect(reserveTokens + keepRecentTokens).toBeLessThan(contextTokens * 0.6);
      }),
    );
  });

  it('names itself and its session, so that the stack can tell its conversations apart', () => {
    expect(fileJson(launch('pi'), 'models.json').providers.dynamo).toMatchObject({
      headers: { 'user-agent': expect.stringContaining('pi-coding-agent') },
      compat: { sendSessionAffinityHeaders: true },
    });
  });

  it('adds its provider unless the user names one or runs a subcommand', () => {
    expect(launch('pi').args).toEqual(['--provider', 'dynamo', '--model', 'smollm2']);
    expect(launch('pi', { userArgs: ['--model=x'] }).args).toEqual(['--model=x']);
    expect(launch('pi', { userArgs: ['list'] }).args).toEqual(['list']);
  });
});

describe('the limits a harness is told', () => {
  it('are the smaller window, and an answer of at most half of it', () => {
    expect(servedLimits(8_192, { context_window: 8_192, output_limit: 1_024 })).toEqual(SMALL);
    expect(servedLimits(202_752, {})).toEqual({ contextTokens: 202_752, outputLimit: 32_000 });
    expect(servedLimits(4_096, { context_window: 202_752, output_limit: 32_768 })).toEqual({
      contextTokens: 4_096,
      outputLimit: 2_048,
    });
  });
});

describe('printed lines', () => {
  it.skipIf(process.platform === 'win32')(
    'set exactly the environment of the launch when a shell runs them',
    () => {
      const odd = 'it\'s $HOME `x` "y" \\ \n two';
      for (const name of HARNESS_NAMES) {
        const made = launch(name, { model: odd, apiKey: odd, userArgs: [odd] });
        const script = `${shellLines(made, { showSecrets: true })}\nexec "$0" -e 'process.stdout.write(JSON.stringify(process.env))'`;
        const ran = spawnSync('/bin/sh', ['-c', script, process.execPath], {
          encoding: 'utf8',
          env: Object.fromEntries(made.unset.map((variable) => [variable, 'left'])),
        });
        expect(ran.status).toBe(0);
        const env = JSON.parse(ran.stdout);
        expect(env).toMatchObject(made.env);
        for (const variable of made.unset) expect(env).not.toHaveProperty(variable);
      }
    },
  );
});

describe('a proxy in the environment', () => {
  it('is told to leave the stack alone, keeping what it was told before', () => {
    const proxy = { https_proxy: 'http://proxy:3128' };
    expect(noProxy(BASE.url, {})).toEqual({});
    expect(noProxy(BASE.url, proxy)).toEqual({ NO_PROXY: '127.0.0.1', no_proxy: '127.0.0.1' });
    expect(noProxy(BASE.url, { ...proxy, no_proxy: 'a.example' })['NO_PROXY']).toBe('a.example,127.0.0.1');
    expect(noProxy(BASE.url, { ...proxy, NO_PROXY: '127.0.0.1' })).toEqual({});
  });
});
