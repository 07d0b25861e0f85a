/** `<parameter=name>value</parameter>` and `<parameter name="name">value</parameter>`: Qwen3-Coder and MiniMax-M2. */
import { argumentJson, objectJson } from './argument-values.js';

const CLOSE = '</parameter>';

/** JSON of all parameters; null when the text is anything else, `incomplete` when a value has no end yet. */
export function parametersJson(
  body: string,
  open: RegExp,
  schema: Record<string, unknown>,
): string | null | 'incomplete' {
  const entries: [string, string][] = [];
  let rest = body.trimStart();
  while (rest !== '') {
    const match = open.exec(rest);
    if (match === null) return null;
    const from = match[0].length;
    const end = endOfValue(rest, from, open);
    if (end === null) return 'incomplete';
    const name = match[1]!.trim();
    entries.push([name, argumentJson(withoutFrame(rest.slice(from, end)), name, schema)]);
    rest = rest.slice(end + CLOSE.length).trimStart();
  }
  return objectJson(entries);
}

/** A value may hold `</parameter>` itself: its end is the one after which another parameter, or nothing, comes. */
function endOfValue(text: string, from: number, open: RegExp): number | null {
  for (let at = text.indexOf(CLOSE, from); at >= 0; at = text.indexOf(CLOSE, at + 1)) {
    const after = text.slice(at + CLOSE.length).trimStart();
    if (after === '' || open.test(after)) return at;
  }
  return null;
}

/** The line breaks that set the value apart from its tags are not its own. */
function withoutFrame(value: string): string {
  const start = value.startsWith('\n') ? 1 : 0;
  const end = value.endsWith('\n') && value.length > start ? value.length - 1 : value.length;
  return value.slice(start, end);
}
