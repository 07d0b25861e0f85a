/** opencode: its whole configuration in one environment variable, its folders moved by the XDG variables. */
import path from 'node:path';
import { SMALL_SYSTEM_PROMPT, smallPromptNote, wantsSmallPrompt } from './small-prompt.js';
import type { Harness, HarnessFile, HarnessLaunch, LaunchInput } from './types.js';

/** Its default first request is 31 kB of JSON, about 8,500 tokens (1.18.33); this leaves half for a conversation. */
const SMALL_BELOW_TOKENS = 17_000;

export const opencode: Harness = {
  name: 'opencode',
  title: 'opencode',
  program: 'opencode',
  package: 'opencode-ai',
  prepare,
};

function prepare(input: LaunchInput): HarnessLaunch {
  const isSmall = wantsSmallPrompt(input, SMALL_BELOW_TOKENS);
  const config = path.join(input.configDir, 'config');
  return {
    program: opencode.program,
    args: [...input.userArgs],
    env: {
      XDG_CONFIG_HOME: config,
      XDG_DATA_HOME: path.join(input.configDir, 'data'),
      XDG_STATE_HOME: path.join(input.configDir, 'state'),
      XDG_CACHE_HOME: path.join(input.configDir, 'cache'),
      OPENCODE_CONFIG_CONTENT: JSON.stringify({ ...settings(input), ...(isSmall ? SMALL : {}) }),
      ...(input.apiKey === null ? {} : { DYNAMO_API_KEY: input.apiKey }),
      // It asks for at most 32,000 otherwise, whatever the model's limit says.
      OPENCODE_EXPERIMENTAL_OUTPUT_TOKEN_MAX: String(input.outputLimit),
      ...QUIET,
    },
    secrets: input.apiKey === null ? [] : ['DYNAMO_API_KEY'],
    unset: UNSET,
    files: files(input, config),
    notes: isSmall ? [smallPromptNote(input, 'a short system prompt, only bash, read, edit and write')] : [],
  };
}

function settings(input: LaunchInput): Record<string, unknown> {
  const model = `dynamo/${input.model}`;
  return {
    $schema: 'https://opencode.ai/config.json',
    provider: {
      dynamo: {
        npm: '@ai-sdk/openai-compatible',
        name: 'dynamo',
        options: {
          baseURL: `${input.url}/v1`,
          // opencode replaces the place itself, so the key is in one variable only.
          apiKey: input.apiKey === null ? 'none' : '{env:DYNAMO_API_KEY}',
          // Its five minutes are short for a cold prompt behind a queue; the gateway has its own bounds.
          timeout: false,
        },
        models: {
          [input.model]: {
            name: input.model,
            tool_call: true,
            limit: { context: input.contextTokens, output: input.outputLimit },
          },
        },
      },
    },
    // Without this, a key of another provider in the environment makes that provider a choice.
    enabled_providers: ['dynamo'],
    model,
    small_model: model,
    autoupdate: false,
    share: 'disabled',
  };
}

const SMALL = {
  agent: { build: { prompt: SMALL_SYSTEM_PROMPT }, title: { disable: true } },
  tools: {
    glob: false,
    grep: false,
    list: false,
    question: false,
    skill: false,
    task: false,
    todoread: false,
    todowrite: false,
    webfetch: false,
    websearch: false,
  },
};

const QUIET = {
  OPENCODE_DISABLE_AUTOUPDATE: '1',
  OPENCODE_DISABLE_MODELS_FETCH: '1',
  OPENCODE_DISABLE_SHARE: '1',
  // The user's Claude Code instructions and skills are not this stack's business.
  OPENCODE_DISABLE_CLAUDE_CODE: '1',
  // Both would install something unasked.
  OPENCODE_DISABLE_LSP_DOWNLOAD: '1',
  OPENCODE_DISABLE_DEFAULT_PLUGINS: '1',
};

/** They would win over, or be merged into, the configuration above. */
const UNSET = [
  'OPENCODE_API_KEY',
  'OPENCODE_AUTH_CONTENT',
  'OPENCODE_CONFIG',
  'OPENCODE_CONFIG_DIR',
  'OPENCODE_CONSOLE_TOKEN',
  'OPENCODE_DB',
];

/**
 * opencode installs its plugin package from npm into a configuration folder whose lock file does not name it;
 * here are no plugins, so a lock file that names it and an empty `node_modules` keep it from that.
 * git reads its configuration below `XDG_CONFIG_HOME` too, and the commits opencode makes need the user's name.
 */
function files({ userConfigDir }: LaunchInput, config: string): HarnessFile[] {
  const folder = path.join(config, 'opencode');
  const lock = { lockfileVersion: 3, packages: { '': { dependencies: { '@opencode-ai/plugin': '*' } } } };
  const git = path.join(userConfigDir, 'git');
  const excludes = `[core]\n\texcludesFile = ${JSON.stringify(path.join(git, 'ignore'))}\n`;
  const include = `[include]\n\tpath = ${JSON.stringify(path.join(git, 'config'))}\n`;
  return [
    { kind: 'replaced', path: path.join(folder, 'package-lock.json'), text: `${JSON.stringify(lock)}\n` },
    { kind: 'replaced', path: path.join(folder, 'node_modules', '.keep'), text: '' },
    { kind: 'replaced', path: path.join(config, 'git', 'config'), text: `${excludes}${include}` },
  ];
}
