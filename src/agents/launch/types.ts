/** How a coding agent's program is started against a stack: pure data, made by one small file per harness. */

export type HarnessName = 'claude' | 'codex' | 'opencode' | 'pi';

/** `small` keeps the harness's own prompt short; `auto` does so where the context window is too small for it. */
export type PromptSize = 'auto' | 'small' | 'full';

export interface LaunchInput {
  /** The stack's address without a trailing slash and without `/v1`. */
  url: string;
  /** Name under which the stack serves its model. */
  model: string;
  /** The whole window, prompt and answer together, in tokens. */
  contextTokens: number;
  /** Longest answer the harness should ask for, in tokens. */
  outputLimit: number;
  /** Null when the stack asks for none. */
  apiKey: string | null;
  /** Absolute folder that takes the place of the harness's own configuration home. */
  configDir: string;
  /** The user's own `XDG_CONFIG_HOME`, read-only: programs that an agent starts keep their settings there. */
  userConfigDir: string;
  /** What the user wrote behind `--`. */
  userArgs: readonly string[];
  prompt: PromptSize;
}

/** `replaced` is ours alone; `merged` is JSON the harness writes too: our keys win, its others stay. */
export type HarnessFile =
  | { kind: 'replaced'; path: string; text: string }
  | { kind: 'merged'; path: string; values: Record<string, unknown> };

export interface HarnessLaunch {
  program: string;
  /** Ours first, then the user's, so that theirs win. Never holds a key. */
  args: string[];
  /** Added to the user's environment. */
  env: Record<string, string>;
  /** Names in `env` whose value is a key. */
  secrets: string[];
  /** Taken out of the user's environment: other providers' switches and keys. */
  unset: string[];
  /** All under `configDir`. */
  files: HarnessFile[];
  /** Sentences for the user: what was changed beyond the address and the model. */
  notes: string[];
}

export interface Harness {
  name: HarnessName;
  title: string;
  /** Program looked up on PATH. */
  program: string;
  /** npm package that holds it. */
  package: string;
  /** Pure: no file is written and nothing is started. */
  prepare(input: LaunchInput): HarnessLaunch;
}
