/** Tools and tool choice of a Messages body. */
import type { Tool, ToolChoice } from '../../request/types.js';
import {
  booleanField,
  type Fields,
  invalid,
  isFields,
  listField,
  requiredText,
  textField,
} from '../fields.js';
import { lenientMark } from '../hints.js';
import type { DecodeContext } from '../types.js';

/** Tools that Anthropic's own servers run are left out, with a warning: nobody here could run them. */
export function decodeMessagesTools(body: Fields, context: DecodeContext): Tool[] {
  return (listField(body, 'tools') ?? []).flatMap((tool, index) => {
    const at = `tools[${index}]`;
    if (!isFields(tool)) throw invalid(at, 'must be an object');
    const { type } = tool;
    const isClientTool = type === undefined || type === null || type === 'custom';
    if (isClientTool) return [clientTool(tool, `${at}.`)];
    context.warn('tool_ignored', `the server tool ${String(type).slice(0, 40)} is not available here`);
    return [];
  });
}

export function toolChoiceOf(
  choice: Fields | undefined,
  tools: readonly Tool[],
  context: DecodeContext,
): ToolChoice {
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
      if (!tools.some((tool) => tool.name === name))
        throw invalid('tool_choice.name', `there is no tool ${name}`);
      return { kind: 'tool', name };
    }
    default:
      context.warn('tool_choice_ignored', 'this kind of tool_choice is not known; auto is used');
      return { kind: 'auto' };
  }
}

function clientTool(tool: Fields, at: string): Tool {
  const description = textField(tool, 'description', at);
  const strict = booleanField(tool, 'strict', at);
  const cache = lenientMark(tool['cache_control']);
  const schema = tool['input_schema'];
  if (!isFields(schema)) throw invalid(`${at}input_schema`, 'must be a JSON schema object');
  return {
    name: requiredText(tool, 'name', at),
    parameters: schema,
    ...(description === undefined ? {} : { description }),
    ...(strict === undefined ? {} : { strict }),
    ...(cache === undefined ? {} : { cache }),
  };
}
