/**
 * Codex: settings as `-c` options, so that its own `config.toml` (which it writes trust decisions into) stays its
 * own, and a model catalogue, without which it takes an unknown model for one with a window of 272,000 tokens.
 */
import path from 'node:path';
import { LIMITS } from '../../limits.js';
import { catalogText, instructionsText } from './codex-catalog.js';
import { smallPromptNote, wantsSmallPrompt } from './small-prompt.js';
import type { Harness, HarnessLaunch, LaunchInput } from './types.js';

/** Its default first request is 8,540 tokens (0.169.0, SmolLM2's tokenizer); this leaves half for a conversation. */
const SMALL_BELOW_TOKENS = 17_000;

export const codex: Harness = {
  name: 'codex',
  title: 'Codex',
  program: 'codex',
  package: '@openai/codex',
  prepare,
};

function prepare(input: LaunchInput): HarnessLaunch {
  const isSmall = wantsSmallPrompt(input, SMALL_BELOW_TOKENS);
  const catalog = path.join(input.configDir, 'dynamo-models.json');
  const settings = {
    ...provider(input),
    model_catalog_json: catalog,
    ...QUIET,
    ...(isSmall ? SMALL : {}),
  };
  return {
    program: codex.program,
    args: [
      ...Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${JSON.stringify(value)}`]),
      ...input.userArgs,
    ],
    env: {
      CODEX_HOME: input.configDir,
      ...(input.apiKey === null ? {} : { DYNAMO_API_KEY: input.apiKey }),
    },
    secrets: input.apiKey === null ? [] : ['DYNAMO_API_KEY'],
    unset: UNSET,
    files: [{ kind: 'replaced', path: catalog, text: catalogText(input, instructionsText(isSmall)) }],
    notes: isSmall
      ? [smallPromptNote(input, 'short instructions, no skills, goals, sub-agents or environment text')]
      : [],
  };
}

/** TOML keys; strings and numbers are written the same way in TOML and JSON. */
function provider(input: LaunchInput): Record<string, string | number | boolean> {
  const at = 'model_providers.dynamo';
  return {
    model: input.model,
    model_provider: 'dynamo',
    [`${at}.name`]: 'dynamo',
    [`${at}.base_url`]: `${input.url}/v1`,
    [`${at}.wire_api`]: 'responses',
    // One connection for a session: only what is new is sent each turn, and the prefix is prefilled before the first.
    [`${at}.supports_websockets`]: true,
    // Only the variable's name: the key itself never appears in argv.
    ...(input.apiKey === null ? {} : { [`${at}.env_key`]: 'DYNAMO_API_KEY' }),
    // Codex does not count pings: a request may wait in our queue and then in a long prefill.
    [`${at}.stream_idle_timeout_ms`]: LIMITS.queueWaitMs + LIMITS.engineSilenceMs,
  };
}

const QUIET = {
  'analytics.enabled': false,
  'feedback.enabled': false,
  check_for_update_on_startup: false,
  // Served by OpenAI alone; as tools they would only cost tokens.
  web_search: 'disabled',
  'features.apps': false,
  'features.image_generation': false,
  // They would clone OpenAI's plugin repository at the start, and ask chatgpt.com for more.
  'features.plugins': false,
};

const SMALL = {
  include_permissions_instructions: false,
  include_apps_instructions: false,
  include_environment_context: false,
  'features.goals': false,
  'features.multi_agent': false,
  'features.tool_suggest': false,
  'features.view_image': false,
  'skills.include_instructions': false,
  'tools.experimental_request_user_input.enabled': false,
};

/** Keys of other servers, and marks of a Codex around us. */
const UNSET = [
  'CODEX_ACCESS_TOKEN',
  'CODEX_API_KEY',
  'CODEX_SANDBOX',
  'CODEX_THREAD_ID',
  'CODEX_SQLITE_HOME',
];
