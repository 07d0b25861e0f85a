/** What an error says on the wire. */
import type { DynamoError, ErrorCode } from '../errors.js';

/** Mistakes in setting a client up: a person reads them, and what to try is short. Agents act on the words of all others. */
const ADVISED: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'no_route',
  'unauthorized',
  'forbidden_host',
  'method_not_allowed',
]);

export function errorSentence(error: DynamoError): string {
  return ADVISED.has(error.code) ? `${error.message} ${error.remedy}`.trimEnd() : error.message;
}
