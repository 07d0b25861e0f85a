/** `<minimax:tool_call> <invoke name="f"> <parameter name="k">v</parameter> </invoke> … </minimax:tool_call>`: MiniMax-M2 and later. */
import type { Body, DeclaredTools, ParsedCall, TaggedFormat } from './types.js';
import { parametersJson } from './xml-parameters.js';

const INVOKE = /^\s*<invoke\s+name=(?:"([^"]{1,256})"|'([^']{1,256})'|([^\s>"']{1,256}))\s*>/;
const INVOKE_END = '</invoke>';
const PARAMETER = /^<parameter\s+name=["']?([^"'>\n]{1,256})["']?\s*>/;

export const minimaxFormat: TaggedFormat = {
  open: ['<minimax:tool_call>'],
  close: () => '</minimax:tool_call>',
  read(body, tools, _open, isLast) {
    const calls: ParsedCall[] = [];
    let rest = body;
    while (rest.trim() !== '') {
      const read = readInvoke(rest, tools);
      if (typeof read === 'string') return isLast && read === 'incomplete' ? 'text' : read;
      calls.push(read.call);
      rest = read.rest;
    }
    return calls.length === 0 ? 'text' : calls;
  },
};

function readInvoke(
  text: string,
  tools: DeclaredTools,
): { call: ParsedCall; rest: string } | Exclude<Body, ParsedCall[]> {
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
