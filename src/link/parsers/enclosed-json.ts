/** Calls as JSON objects, each between tokens with its name before it: DeepSeek V3.1 and Kimi-K2. */
import { objectText } from './argument-values.js';
import { endOfJson } from './json-end.js';
import type { Body, DeclaredTools, ParsedCall } from './types.js';

export interface Enclosing {
  /** Before the name, between name and object, after the object. */
  open: string;
  separator: string;
  close: string;
  /** The tool's name in what stands before the separator; undefined when there is none. */
  nameOf(head: string): string | undefined;
}

export function enclosedCalls(
  body: string,
  tools: DeclaredTools,
  isLast: boolean,
  { open, separator, close, nameOf }: Enclosing,
): Body {
  const calls: ParsedCall[] = [];
  for (let rest = body.trim(); rest !== ''; ) {
    const at = rest.indexOf(separator);
    if (!rest.startsWith(open) || at < 0) return 'text';
    const name = nameOf(rest.slice(open.length, at).trim());
    const after = rest.slice(at + separator.length).trimStart();
    if (name === undefined || !tools.has(name) || !after.startsWith('{')) return 'text';
    const end = endOfJson(after);
    if (end === null) return isLast ? 'text' : 'incomplete';
    const json = objectText(after.slice(0, end));
    const tail = after.slice(end).trimStart();
    if (json === null || (!tail.startsWith(close) && !(isLast && tail === ''))) return 'text';
    calls.push({ name, arguments: json });
    rest = tail.slice(close.length).trim();
  }
  return calls.length === 0 ? 'text' : calls;
}
