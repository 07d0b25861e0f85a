/** Claude Code: everything is environment; only the first-run questions are answered in a file. */
import path from 'node:path';
import { hasOption, SMALL_SYSTEM_PROMPT, smallPromptNote, wantsSmallPrompt } from './small-prompt.js';
import type { Harness, HarnessFile, HarnessLaunch, LaunchInput } from './types.js';

/** Its default first request is 28,400 tokens (2.1.197, SmolLM2's tokenizer); this leaves room for a conversation. */
const SMALL_BELOW_TOKENS = 48_000;
/** Claude Code compacts at window − min(output, this) − `COMPACT_MARGIN_TOKENS` (read from 2.1.197). */
const COMPACT_OUTPUT_MAX_TOKENS = 20_000;
const COMPACT_MARGIN_TOKENS = 13_000;
/** Bounds of `CLAUDE_CODE_AUTO_COMPACT_WINDOW`; the model's own window bounds it further. */
const COMPACT_WINDOW_MIN_TOKENS = 100_000;
const COMPACT_WINDOW_MAX_TOKENS = 1_000_000;
/** It refuses to send from window − output − this on, compaction or not. */
const REFUSE_MARGIN_TOKENS = 3_000;
/** First request with our small flags: 799 tokens of tools, 59 of system text, the user's words. */
const SMALL_PROMPT_TOKENS = 2_000;
/** Its default first request, see `SMALL_BELOW_TOKENS`: compacting at less would begin anew each turn. */
const USUAL_PROMPT_TOKENS = 28_400;
/** Claude Code wants some token, and asks for a login without one. */
const NO_KEY = 'none';

export const claude: Harness = {
  name: 'claude',
  title: 'Claude Code',
  program: 'claude',
  package: '@anthropic-ai/claude-code',
  prepare,
};

function prepare(input: LaunchInput): HarnessLaunch {
  const isSmall = wantsSmallPrompt(input, SMALL_BELOW_TOKENS);
  const small = isSmall && !isSubcommand(input.userArgs) ? smallFlags(input.userArgs) : [];
  const canCompact = compactsAt(input) > SMALL_PROMPT_TOKENS;
  const notes = small.length === 0 ? [] : [smallPromptNote(input, small.map(shown).join(' '))];
  if (!canCompact) notes.push('automatic compaction is off: its reserve of 13,000 tokens exceeds the window');
  return {
    program: claude.program,
    args: [...(isSmall ? small : usualFlags(input.userArgs)), ...input.userArgs],
    env: {
      CLAUDE_CONFIG_DIR: input.configDir,
      ANTHROPIC_BASE_URL: input.url,
      ANTHROPIC_AUTH_TOKEN: input.apiKey ?? NO_KEY,
      ...modelNames(input.model),
      ...windowSettings(input, { canCompact, isSmall }),
      ...(isSmall ? { MAX_THINKING_TOKENS: '0' } : {}),
      ...QUIET,
    },
    secrets: input.apiKey === null ? [] : ['ANTHROPIC_AUTH_TOKEN'],
    unset: UNSET,
    files: files(input.configDir),
    notes,
  };
}

function files(configDir: string): HarnessFile[] {
  return [
    // The theme and login questions of a first start; the question whether to trust a folder stays.
    { kind: 'merged', path: path.join(configDir, '.claude.json'), values: { hasCompletedOnboarding: true } },
    { kind: 'merged', path: path.join(configDir, 'settings.json'), values: SETTINGS },
  ];
}

/** Background work (titles, summaries, sub-agents) asks for models by family: all families are ours. */
function modelNames(model: string): Record<string, string> {
  const variables = [
    'ANTHROPIC_MODEL',
    'ANTHROPIC_DEFAULT_OPUS_MODEL',
    'ANTHROPIC_DEFAULT_SONNET_MODEL',
    'ANTHROPIC_DEFAULT_HAIKU_MODEL',
    'ANTHROPIC_DEFAULT_FABLE_MODEL',
    'ANTHROPIC_SMALL_FAST_MODEL',
    'CLAUDE_CODE_SUBAGENT_MODEL',
  ];
  return Object.fromEntries(variables.map((name) => [name, model]));
}

function windowSettings(
  input: LaunchInput,
  { canCompact, isSmall }: { canCompact: boolean; isSmall: boolean },
): Record<string, string> {
  const settings: Record<string, string> = {
    // Unknown names count as 200,000 tokens otherwise.
    CLAUDE_CODE_MAX_CONTEXT_TOKENS: String(input.contextTokens),
    CLAUDE_CODE_MAX_OUTPUT_TOKENS: String(input.outputLimit),
  };
  if (compactsAt(input) > (isSmall ? SMALL_PROMPT_TOKENS : USUAL_PROMPT_TOKENS)) {
    // Unset, 2.1.197 waits until a prompt was refused as too long; set, it compacts in time, within the true window.
    const window = Math.max(COMPACT_WINDOW_MIN_TOKENS, input.contextTokens);
    settings['CLAUDE_CODE_AUTO_COMPACT_WINDOW'] = String(Math.min(window, COMPACT_WINDOW_MAX_TOKENS));
  }
  if (!canCompact) {
    settings['DISABLE_AUTO_COMPACT'] = '1';
    // Its own limit would refuse prompts the engine takes: 3,000 tokens are much of a small window.
    settings['CLAUDE_CODE_BLOCKING_LIMIT_OVERRIDE'] = String(input.contextTokens - input.outputLimit);
  }
  return settings;
}

function compactsAt({ contextTokens, outputLimit }: LaunchInput): number {
  const effective = contextTokens - Math.min(outputLimit, COMPACT_OUTPUT_MAX_TOKENS);
  return Math.min(effective - COMPACT_MARGIN_TOKENS, effective - REFUSE_MARGIN_TOKENS);
}

/** WebSearch runs on Anthropic's servers: here it would cost a tool's tokens and find nothing. */
function usualFlags(args: readonly string[]): string[] {
  const isChosen = hasOption(args, '--disallowedTools', '--disallowed-tools', '--tools');
  return isChosen || isSubcommand(args) ? [] : ['--disallowedTools=WebSearch'];
}

/** Each only where the user chose nothing. `=` because `--tools` would swallow the words behind it. */
function smallFlags(args: readonly string[]): string[] {
  const flags: string[] = [];
  if (!hasOption(args, '--tools')) flags.push('--tools=Bash,Edit,Read');
  if (!hasOption(args, '--bare')) flags.push('--bare');
  if (!hasOption(args, '--system-prompt', '--system-prompt-file'))
    flags.push('--system-prompt', SMALL_SYSTEM_PROMPT);
  return flags;
}

const shown = (flag: string): string => (flag === SMALL_SYSTEM_PROMPT ? '"…"' : flag);

/** `claude mcp list` and its like run no conversation and know none of the flags. */
function isSubcommand([first]: readonly string[]): boolean {
  return first !== undefined && SUBCOMMANDS.has(first);
}

const SUBCOMMANDS: ReadonlySet<string> = new Set([
  'agents',
  'auth',
  'auto-mode',
  'config',
  'doctor',
  'install',
  'mcp',
  'plugin',
  'plugins',
  'project',
  'setup-token',
  'ultrareview',
  'update',
  'upgrade',
]);

const SETTINGS = {
  // WebFetch asks Anthropic about every host name first, and fails without an answer.
  skipWebFetchPreflight: true,
  // It would put a link handler into `~/.local/share/applications`, outside its configuration folder.
  disableDeepLinkRegistration: 'disable',
};

const QUIET = {
  // The block differs between conversations, and would cost every one of them the shared system prefix.
  CLAUDE_CODE_ATTRIBUTION_HEADER: '0',
  // Reminders with a running count, put between the messages.
  CLAUDE_CODE_TOTAL_TOKENS_REMINDER: 'off',
  CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
  DISABLE_TELEMETRY: '1',
  DISABLE_ERROR_REPORTING: '1',
  DISABLE_AUTOUPDATER: '1',
  DISABLE_FEEDBACK_COMMAND: '1',
  DISABLE_COST_WARNINGS: '1',
  DISABLE_INSTALLATION_CHECKS: '1',
  CLAUDE_CODE_DISABLE_FEEDBACK_SURVEY: '1',
  // Both would install something unasked.
  CLAUDE_CODE_IDE_SKIP_AUTO_INSTALL: '1',
  CLAUDE_CODE_DISABLE_OFFICIAL_MARKETPLACE_AUTOINSTALL: '1',
};

const UNSET = [
  // Keys and headers of other servers, which would be sent to this one.
  'ANTHROPIC_API_KEY',
  'ANTHROPIC_CUSTOM_HEADERS',
  'CLAUDE_CODE_OAUTH_TOKEN',
  // Other providers win over the base address.
  'CLAUDE_CODE_USE_ANTHROPIC_AWS',
  'CLAUDE_CODE_USE_BEDROCK',
  'CLAUDE_CODE_USE_FOUNDRY',
  'CLAUDE_CODE_USE_GATEWAY',
  'CLAUDE_CODE_USE_MANTLE',
  'CLAUDE_CODE_USE_VERTEX',
  // Marks of a Claude Code around us: it would refuse to run inside itself.
  'CLAUDECODE',
  'CLAUDE_CODE_CHILD_SESSION',
  'CLAUDE_CODE_ENTRYPOINT',
  'CLAUDE_CODE_SESSION_ID',
  'CLAUDE_CODE_SSE_PORT',
];
