/** pi: a model list and settings in its agent folder. Its prompt is short (1,500 tokens) by itself. */
import path from 'node:path';
import { hasOption, smallPromptNote, wantsSmallPrompt } from './small-prompt.js';
import type { Harness, HarnessLaunch, LaunchInput } from './types.js';

/** Its first request is 5.7 kB of JSON, about 1,500 tokens (0.74.2): above this nothing has to be cut. */
const SMALL_BELOW_TOKENS = 4_096;
/** pi's own reserves for an answer and for messages kept when it compacts, in tokens. */
const USUAL_RESERVE_TOKENS = 16_384;
const USUAL_RECENT_TOKENS = 20_000;

export const pi: Harness = {
  name: 'pi',
  title: 'pi',
  program: 'pi',
  package: '@earendil-works/pi-coding-agent',
  prepare,
};

function prepare(input: LaunchInput): HarnessLaunch {
  const file = (name: string) => path.join(input.configDir, name);
  const isSmall = wantsSmallPrompt(input, SMALL_BELOW_TOKENS);
  return {
    program: pi.program,
    args: [...flags(input, isSmall), ...input.userArgs],
    env: {
      PI_CODING_AGENT_DIR: input.configDir,
      ...(input.apiKey === null ? {} : { DYNAMO_API_KEY: input.apiKey }),
      // Neither update checks nor downloads of search tools.
      PI_OFFLINE: '1',
      PI_SKIP_VERSION_CHECK: '1',
      PI_TELEMETRY: '0',
    },
    secrets: input.apiKey === null ? [] : ['DYNAMO_API_KEY'],
    unset: ['PI_CODING_AGENT_SESSION_DIR', 'PI_PACKAGE_DIR'],
    files: [
      { kind: 'replaced', path: file('models.json'), text: `${JSON.stringify(models(input), null, 2)}\n` },
      { kind: 'merged', path: file('settings.json'), values: settings(input) },
    ],
    notes: isSmall ? [smallPromptNote(input, 'AGENTS.md files and skills are not read')] : [],
  };
}

/** Without a provider on the command line a key of another one in the environment decides. */
function flags({ userArgs, model }: LaunchInput, isSmall: boolean): string[] {
  if (SUBCOMMANDS.has(userArgs[0] ?? '')) return [];
  return [
    ...(hasOption(userArgs, '--provider', '--model') ? [] : ['--provider', 'dynamo', '--model', model]),
    ...(isSmall ? ['--no-context-files', '--no-skills'] : []),
  ];
}

const SUBCOMMANDS: ReadonlySet<string> = new Set([
  'config',
  'install',
  'list',
  'remove',
  'uninstall',
  'update',
]);

function models(input: LaunchInput): Record<string, unknown> {
  return {
    providers: {
      dynamo: {
        baseUrl: `${input.url}/v1`,
        api: 'openai-completions',
        // pi 0.74 reads a bare name as a variable, pi 1.x wants `$NAME`; both run this.
        apiKey: input.apiKey === null ? 'none' : '!printenv DYNAMO_API_KEY',
        // Its own name is the one of the OpenAI client it uses, which says nothing about an agent.
        headers: { 'user-agent': 'pi-coding-agent' },
        // Without it pi names no session, and one is guessed from the conversation's beginning.
        compat: { sendSessionAffinityHeaders: true },
        models: [
          {
            id: input.model,
            name: input.model,
            reasoning: false,
            input: ['text'],
            contextWindow: input.contextTokens,
            maxTokens: input.outputLimit,
            cost: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 },
          },
        ],
      },
    },
  };
}

function settings({ model, contextTokens, outputLimit }: LaunchInput): Record<string, unknown> {
  return {
    defaultProvider: 'dynamo',
    defaultModel: model,
    enableInstallTelemetry: false,
    // The usual reserves are more than a small window: pi would compact at every turn.
    compaction: {
      enabled: true,
      reserveTokens: Math.min(USUAL_RESERVE_TOKENS, outputLimit + Math.floor(contextTokens / 16)),
      keepRecentTokens: Math.min(USUAL_RECENT_TOKENS, Math.floor(contextTokens / 4)),
    },
  };
}
