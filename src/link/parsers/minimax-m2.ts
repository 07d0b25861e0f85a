/** `<minimax:tool_call> <invoke name="f"> <parameter name="k">v</parameter> </invoke> … </minimax:tool_call>`: MiniMax-M2 and later. */
import { type Invocation, readInvocations } from './invocations.js';
import type { DeclaredTools, TaggedFormat } from './types.js';
import { parametersJson } from './xml-parameters.js';

const INVOKE = /^\s*<invoke\s+name=(?:"([^"]{1,256})"|'([^']{1,256})'|([^\s>"']{1,256}))\s*>/;
const INVOKE_END = '</invoke>';
const PARAMETER = /^<parameter\s+name=["']?([^"'>\n]{1,256})["']?\s*>/;

export const minimaxFormat: TaggedFormat = {
  open: ['<minimax:tool_call>'],
  close: () => '</minimax:tool_call>',
  read: (body, tools, _open, isLast) => readInvocations(body, isLast, (text) => readInvoke(text, tools)),
};

function readInvoke(text: string, tools: DeclaredTools): Invocation {
  const match = INVOKE.exec(text);
  if (match === null) return 'text';
  const name = (match[1] ?? match[2] ?? match[3])!;
  const schema = tools.get(name);
  if (schema === undefined) return 'text';
  const from = match[0].length;
  // A value may hold the end marker: the first end that leaves whole parameters before it is the invocation's.
  for (let at = text.indexOf(INVOKE_END, from); at >= 0; at = text.indexOf(INVOKE_END, at + 1)) {
    const json = parametersJson(text.slice(from, at), PARAMETER, schema, 'loose');
    if (json === null) return 'text';
    if (json !== 'incomplete')
      return { call: { name, arguments: json }, rest: text.slice(at + INVOKE_END.length) };
  }
  return 'incomplete';
}
