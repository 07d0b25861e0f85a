/** An error as a person reads it: what happened, where, what to try. */
import { DynamoError } from '../errors.js';
import { nearestNames } from '../nearest.js';

/** What the user typed, as far as it helps to say what was meant. */
export interface TypedCommand {
  /** `recipe show` */
  name: string;
  /** Names of its flags, without dashes. */
  flags: string[];
}

/** Text for stderr and the exit code: the registry's for ours, 2 for wrong usage, 130 for an interrupt, else 1. */
export function renderError(
  error: Error & { oclif?: { exit?: number }; flags?: unknown },
  command?: TypedCommand,
): { text: string; exit: number } {
  if (error instanceof DynamoError) {
    const remedy = error.remedy === '' ? '' : `  ${error.remedy}\n`;
    return { text: `dynamo: ${error.message.trimEnd()}\n${remedy}`, exit: error.exit };
  }
  if (error.name === 'AbortError') return { text: 'dynamo: interrupted\n', exit: 130 };
  if (error.oclif !== undefined) {
    return { text: wrongUsage(error, command), exit: error.oclif.exit ?? 2 };
  }
  const trace = process.env['DYNAMO_DEBUG'] ? `${error.stack ?? ''}\n` : '';
  return {
    text: `dynamo: something failed: ${error.message}\n  Set DYNAMO_DEBUG=1 for details and report it.\n${trace}`,
    exit: 1,
  };
}

/** oclif's sentence without its notes, the nearest flag, and where to read on. */
function wrongUsage(error: Error & { flags?: unknown }, command?: TypedCommand): string {
  const [first = '', ...rest] = error.message
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !/^(Note: |Alternatively, |See more help)/.test(line));
  const parsing = /^Parsing (--\S+)$/.exec(first)?.[1];
  const sentence = parsing === undefined ? [first, ...rest].join('\n  ') : `${parsing}: ${rest.join(' ')}`;
  if (command === undefined) return `dynamo: ${sentence}\n`;
  const odd = Array.isArray(error.flags) ? String(error.flags[0]) : '';
  const near = odd.startsWith('--') ? nearestNames(odd.slice(2), command.flags) : [];
  const meant = near.length === 0 ? '' : `Did you mean ${near.map((name) => `--${name}`).join(' or ')}? `;
  return `dynamo: ${sentence}\n  ${meant}See \`dynamo ${command.name} --help\`.\n`;
}
