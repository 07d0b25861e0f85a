/** What all harnesses share when the context window is too small for their usual prompt. */
import type { LaunchInput } from './types.js';

/** Replaces a harness's own system prompt of several thousand tokens. */
export const SMALL_SYSTEM_PROMPT =
  'You are a coding assistant in the folder of a software project. Use the tools to read and change files and to ' +
  'run commands, check what you did, and answer shortly.';

/** Whether the harness's usual first prompt leaves too little of the window. `belowTokens` is the harness's own figure. */
export function wantsSmallPrompt(input: LaunchInput, belowTokens: number): boolean {
  return input.prompt === 'small' || (input.prompt === 'auto' && input.contextTokens < belowTokens);
}

/** Whether the user's arguments hold one of these options, as `--name`, `--name value` or `--name=value`. */
export function hasOption(args: readonly string[], ...names: string[]): boolean {
  return args.some((arg) => names.some((name) => arg === name || arg.startsWith(`${name}=`)));
}

/** The sentence that says so; `what` names the changes. */
export function smallPromptNote(input: LaunchInput, what: string): string {
  const why = input.prompt === 'small' ? '' : `the window is ${input.contextTokens} tokens, so `;
  return `${why}the prompt is kept small: ${what} (--prompt full leaves it as it is)`;
}
