/** `<tool_call> <function=name> <parameter=k> v </parameter> </function> </tool_call>`; the outer tags are sometimes left out. */
import type { Body, DeclaredTools, TaggedFormat } from './types.js';
import { parametersJson } from './xml-parameters.js';

const OUTER = '<tool_call>';
const FUNCTION = /^\s*<function=([^>\n]{1,256})>([\s\S]*)<\/function>\s*$/;
const PARAMETER = /^<parameter=([^>\n]{1,256})>/;

export const qwen3CoderFormat: TaggedFormat = {
  open: [OUTER, '<function='],
  close: (open) => (open === OUTER ? '</tool_call>' : '</function>'),
  read(body, tools, open, isLast) {
    if (open === OUTER) return readFunction(body, tools, isLast);
    // Without its end nobody knows whether a parameter is missing.
    return isLast ? 'text' : readFunction(`<function=${body}</function>`, tools, isLast);
  },
};

function readFunction(text: string, tools: DeclaredTools, isLast: boolean): Body {
  const match = FUNCTION.exec(text);
  if (match === null) return !isLast && /^\s*<function=/.test(text) ? 'incomplete' : 'text';
  const name = match[1]!.trim();
  const schema = tools.get(name);
  if (schema === undefined) return 'text';
  const json = parametersJson(match[2]!, PARAMETER, schema, 'template');
  if (json === 'incomplete') return isLast ? 'text' : 'incomplete';
  return json === null ? 'text' : [{ name, arguments: json }];
}
