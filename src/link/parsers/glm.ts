/** `<tool_call>name <arg_key>k</arg_key> <arg_value>v</arg_value> … </tool_call>`: GLM 4.5 to 5. */
import { argumentJson, objectJson } from './argument-values.js';
import type { Body, DeclaredTools, TaggedFormat } from './types.js';

const PAIR = /\s*<arg_key>([\s\S]*?)<\/arg_key>\s*<arg_value>([\s\S]*?)<\/arg_value>\s*/y;

export const glmFormat: TaggedFormat = {
  open: ['<tool_call>'],
  close: () => '</tool_call>',
  // Without its end nobody knows whether an argument is missing.
  read: (body, tools, _open, isLast) => (isLast ? 'text' : readGlm(body, tools)),
};

function readGlm(body: string, tools: DeclaredTools): Body {
  const keyAt = body.indexOf('<arg_key>');
  const name = (keyAt < 0 ? body : body.slice(0, keyAt)).trim();
  const schema = tools.get(name);
  if (schema === undefined) return 'text';
  const entries: [string, string][] = [];
  let at = keyAt < 0 ? body.length : keyAt;
  while (at < body.length) {
    PAIR.lastIndex = at;
    const match = PAIR.exec(body);
    // A value may hold the closing marker itself: then its own closing tag is still to come.
    if (match === null)
      return /<arg_value>(?![\s\S]*<\/arg_value>)/.test(body.slice(at)) ? 'incomplete' : 'text';
    const key = match[1]!.trim();
    entries.push([key, argumentJson(match[2]!, key, schema)]);
    at = PAIR.lastIndex;
  }
  return [{ name, arguments: objectJson(entries) }];
}
