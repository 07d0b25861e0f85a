/** `<parameter=name>value</parameter>` and `<parameter name="name">value</parameter>`: Qwen3-Coder and MiniMax-M2. */
import { argumentJson, objectJson } from './argument-values.js';

const CLOSE = '</parameter>';

/**
 * Whether line breaks set values apart from their tags: `template` = the model's template writes them so, `loose` = it
 * does not, but a value between two line breaks is taken for one that was set apart.
 */
export type Framing = 'template' | 'loose';

/** JSON of all parameters; null when the text is anything else, `incomplete` when a value has no end yet. */
export function parametersJson(
  body: string,
  open: RegExp,
  schema: Record<string, unknown>,
  framing: Framing,
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
    entries.push([name, argumentJson(withoutFrame(rest.slice(from, end), framing), name, schema)]);
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

/** The line breaks that set the value apart from its tags are not its own; the end of a file's text is. */
function withoutFrame(value: string, framing: Framing): string {
  const isFramed = value.length > 1 && value.startsWith('\n') && value.endsWith('\n');
  if (framing === 'loose' && !isFramed) return value;
  const start = value.startsWith('\n') ? 1 : 0;
  const end = value.endsWith('\n') && value.length > start ? value.length - 1 : value.length;
  return value.slice(start, end);
}
