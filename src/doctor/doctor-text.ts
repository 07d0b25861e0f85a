/** The diagnosis as lines: state, name, what was found; remedies below. */
import type { Diagnosis } from './examine.js';
import type { Check } from './types.js';

export function doctorText({ checks, canRun }: Diagnosis): string {
  const width = Math.max(...checks.map(({ id }) => id.length)) + 2;
  const lines = checks.flatMap((check) => linesOf(check, width));
  const count = (status: Check['status']) => checks.filter((check) => check.status === status).length;
  const verdict = canRun ? 'dynamo up can run here' : 'dynamo up cannot run here';
  return [...lines, '', `${verdict}: ${count('ok')} ok, ${count('warn')} warn, ${count('fail')} fail`].join(
    '\n',
  );
}

function linesOf({ id, status, found, remedy }: Check, width: number): string[] {
  const indent = ' '.repeat(6 + width);
  const [head = '', ...more] = found.split('\n');
  return [
    `${status.padEnd(6)}${id.padEnd(width)}${head}`,
    ...more.map((line) => `${indent}${line}`),
    ...(remedy === null || remedy === '' ? [] : remedy.split('\n').map((line) => `${indent}→ ${line}`)),
  ];
}
