/**
 * `<｜DSML｜function_calls> <｜DSML｜invoke name="f"> <｜DSML｜parameter name="k" string="true">v</｜DSML｜parameter> …
 * </｜DSML｜invoke> … </｜DSML｜function_calls>`: DeepSeek V3.2; V4 says `tool_calls` instead.
 */
import { argumentJson, objectJson } from './argument-values.js';
import { type Invocation, readInvocations } from './invocations.js';
import type { DeclaredTools, TaggedFormat } from './types.js';

const INVOKE = /^\s*<｜DSML｜invoke\s+name="([^"\n]{1,256})"\s*>/;
const INVOKE_END = '</｜DSML｜invoke>';
const PARAMETER = /^\s*<｜DSML｜parameter\s+name="([^"\n]{1,256})"(?:\s+string="(true|false)")?\s*>/;
const PARAMETER_END = '</｜DSML｜parameter>';

export const dsmlFormat: TaggedFormat = {
  open: ['<｜DSML｜function_calls>', '<｜DSML｜tool_calls>'],
  close: (open) => open.replace('<', '</'),
  read: (body, tools, _open, isLast) => readInvocations(body, isLast, (text) => readInvoke(text, tools)),
};

function readInvoke(text: string, tools: DeclaredTools): Invocation {
  const match = INVOKE.exec(text);
  const schema = match === null ? undefined : tools.get(match[1]!);
  if (match === null || schema === undefined) return 'text';
  const entries: [string, string][] = [];
  let rest = text.slice(match[0].length);
  while (!rest.trimStart().startsWith(INVOKE_END)) {
    const parameter = PARAMETER.exec(rest);
    if (parameter === null) return INVOKE_END.startsWith(rest.trimStart()) ? 'incomplete' : 'text';
    const [head, name, isText] = parameter;
    const end = endOfValue(rest, head.length);
    if (end === null) return 'incomplete';
    const value = rest.slice(head.length, end);
    entries.push([name!, isText === 'true' ? JSON.stringify(value) : argumentJson(value, name!, schema)]);
    rest = rest.slice(end + PARAMETER_END.length);
  }
  const call = { name: match[1]!, arguments: objectJson(entries) };
  return { call, rest: rest.trimStart().slice(INVOKE_END.length) };
}

/** A value may hold its own end: the end is the one after which a parameter or the invocation's end comes. */
function endOfValue(text: string, from: number): number | null {
  for (let at = text.indexOf(PARAMETER_END, from); at >= 0; at = text.indexOf(PARAMETER_END, at + 1)) {
    const after = text.slice(at + PARAMETER_END.length);
    if (after.trim() === '' || after.trimStart().startsWith(INVOKE_END) || PARAMETER.test(after)) return at;
  }
  return null;
}
