/** An error as a person reads it: what happened, where, what to try. */
import { DynamoError } from '../errors.js';

/** Text for stderr and the exit code: the registry's for ours, 2 for wrong usage, 130 for an interrupt, else 1. */
export function renderError(error: Error & { oclif?: { exit?: number } }): { text: string; exit: number } {
  if (error instanceof DynamoError) {
    const remedy = error.remedy === '' ? '' : `  ${error.remedy}\n`;
    return { text: `dynamo: ${error.message.trimEnd()}\n${remedy}`, exit: error.exit };
  }
  if (error.name === 'AbortError') return { text: 'dynamo: interrupted\n', exit: 130 };
  if (error.oclif !== undefined) {
    return { text: `dynamo: ${error.message.trimEnd()}\n`, exit: error.oclif.exit ?? 2 };
  }
  const trace = process.env['DYNAMO_DEBUG'] ? `${error.stack ?? ''}\n` : '';
  return {
    text: `dynamo: something failed: ${error.message}\n  Set DYNAMO_DEBUG=1 for details and report it.\n${trace}`,
    exit: 1,
  };
}
