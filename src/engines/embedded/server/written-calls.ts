/** Finds the tool calls a finished text consists of, in Hermes' tags or as bare JSON. */

export interface WrittenCall {
  name: string;
  /** JSON text of an object. */
  arguments: string;
}

const TAGGED = /^\s*<tool_call>([\s\S]*?)<\/tool_call>/;
/** A model often ends with the tag still open: the end of its turn closes it. */
const UNCLOSED = /^\s*<tool_call>([\s\S]*)$/;

/** The calls, when the whole text is nothing but calls of declared tools; else none. */
export function writtenCalls(text: string, names: ReadonlySet<string>): WrittenCall[] {
  const calls: WrittenCall[] = [];
  let rest = text.trim();
  while (rest !== '') {
    const match = TAGGED.exec(rest) ?? UNCLOSED.exec(rest);
    const json = match?.[1] ?? (calls.length === 0 ? rest : '');
    const call = callOf(json, names);
    if (call === null) return [];
    calls.push(call);
    rest = match === null ? '' : rest.slice(match[0].length).trim();
  }
  return calls;
}

/** Whether what has come so far may still turn out to be calls. */
export function mayBeCalls(text: string): boolean {
  const start = text.trimStart();
  const tag = '<tool_call>';
  return start === '' || start.startsWith('{') || tag.startsWith(start.slice(0, tag.length));
}

function callOf(json: string, names: ReadonlySet<string>): WrittenCall | null {
  const call = objectOf(json);
  if (call === null || typeof call['name'] !== 'string' || !names.has(call['name'])) return null;
  const given = call['arguments'] ?? call['parameters'] ?? {};
  const args = typeof given === 'string' ? objectOf(given) : given;
  if (typeof args !== 'object' || args === null || Array.isArray(args)) return null;
  return { name: call['name'], arguments: JSON.stringify(args) };
}

function objectOf(json: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(json);
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
