/** Tools and tool choice of a Messages body. */
import type { Tool, ToolChoice } from '../../request/types.js';
import {
  booleanField,
  type Fields,
  invalid,
  isFields,
  listField,
  objectField,
  requiredText,
  shown,
  textField,
} from '../fields.js';
import { lenientMark } from '../hints.js';
import type { DecodeContext } from '../types.js';
import { knownClientTool } from './client-tools.js';

/** Tools that Anthropic's own servers run are left out, with a warning: nobody here could run them. */
export function decodeMessagesTools(body: Fields, context: DecodeContext): Tool[] {
  return (listField(body, 'tools') ?? []).flatMap((tool, index) => {
    const at = `tools[${index}]`;
    if (!isFields(tool)) throw invalid(at, 'must be an object');
    const type = textField(tool, 'type', `${at}.`);
    // A schema makes it the client's own, whatever it is called.
    if (type === undefined || type === 'custom' || isFields(tool['input_schema']))
      return [clientTool(tool, `${at}.`)];
    const known = knownClientTool(type);
    if (known !== undefined)
      return [{ name: requiredText(tool, 'name', `${at}.`), ...known, ...marks(tool, `${at}.`) }];
    context.warn('tool_ignored', `the server tool ${shown(type)} is not available here`);
    return [];
  });
}

/** A choice that names a tool left out becomes `auto`; one that names a tool nobody declared is a mistake. */
export function toolChoiceOf(body: Fields, tools: readonly Tool[], context: DecodeContext): ToolChoice {
  const choice = objectField(body, 'tool_choice');
  switch (choice?.['type']) {
    case undefined:
    case 'auto':
      return { kind: 'auto' };
    case 'none':
      return { kind: 'none' };
    case 'any':
      return tools.length === 0 ? { kind: 'auto' } : { kind: 'required' };
    case 'tool': {
      const name = requiredText(choice, 'name', 'tool_choice.');
      if (tools.some((tool) => tool.name === name)) return { kind: 'tool', name };
      if (isDeclared(body, name)) return { kind: 'auto' };
      throw invalid('tool_choice.name', `there is no tool ${name}`);
    }
    default:
      context.warn('tool_choice_ignored', 'this kind of tool_choice is not known; auto is used');
      return { kind: 'auto' };
  }
}

function isDeclared(body: Fields, name: string): boolean {
  return (listField(body, 'tools') ?? []).some((tool) => isFields(tool) && tool['name'] === name);
}

function clientTool(tool: Fields, at: string): Tool {
  const description = textField(tool, 'description', at);
  const schema = tool['input_schema'];
  if (!isFields(schema)) throw invalid(`${at}input_schema`, 'must be a JSON schema object');
  return {
    name: requiredText(tool, 'name', at),
    parameters: schema,
    ...(description === undefined ? {} : { description }),
    ...marks(tool, at),
  };
}

function marks(tool: Fields, at: string): Pick<Tool, 'strict' | 'cache'> {
  const strict = booleanField(tool, 'strict', at);
  const cache = lenientMark(tool['cache_control']);
  return { ...(strict === undefined ? {} : { strict }), ...(cache === undefined ? {} : { cache }) };
}
