/** Guard before a grammar reaches the library's recursive parser, where too deep a nesting would end the process. */
import { DynamoError } from '../../../errors.js';
import { LIMITS } from '../../../limits.js';

/** Throws `invalid_request` when the grammar is too large or its groups are nested too deep. */
export function requireShallow(grammar: string): void {
  if (Buffer.byteLength(grammar) > LIMITS.grammarBytes) {
    throw new DynamoError('invalid_request', {
      detail: `The grammar is larger than ${LIMITS.grammarBytes} bytes.`,
    });
  }
  if (grammarDepth(grammar) > LIMITS.grammarDepth) {
    throw new DynamoError('invalid_request', {
      detail: `The grammar is nested deeper than ${LIMITS.grammarDepth} groups.`,
    });
  }
}

/** Deepest nesting of `( … )`, not counting those in literals, character classes and comments. */
export function grammarDepth(grammar: string): number {
  const outside = grammar.replace(/"(?:\\.|[^"\\])*"|\[(?:\\.|[^\]\\])*\]|#[^\n]*/gs, '');
  let depth = 0;
  let deepest = 0;
  for (const char of outside) {
    if (char === '(') deepest = Math.max(deepest, ++depth);
    if (char === ')') depth--;
  }
  return deepest;
}
