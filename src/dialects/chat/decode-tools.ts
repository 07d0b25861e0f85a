/** Tools and tool choice of a chat-completions body, `functions` of old clients included. */
import type { Tool, ToolChoice } from '../../request/types.js';
import { type Fields, invalid, isFields, listField } from '../fields.js';
import { lenientMark } from '../hints.js';
import { freeformTool, functionTool, modeChoice } from '../tools.js';
import type { DecodeContext } from '../types.js';

export interface ChatTools {
  tools: Tool[];
  toolChoice: ToolChoice;
  /** Names of freeform (`custom`) tools. */
  freeform: string[];
}

export function decodeChatTools(body: Fields, context: DecodeContext): ChatTools {
  const freeform: string[] = [];
  const tools = (listField(body, 'tools') ?? []).flatMap((tool, index) =>
    decodeTool(tool, { at: `tools[${index}]`, freeform, context }),
  );
  for (const [index, fn] of (listField(body, 'functions') ?? []).entries()) {
    if (!isFields(fn)) throw invalid(`functions[${index}]`, 'must be an object');
    tools.push(functionTool(fn, `functions[${index}].`));
  }
  return withChoice(body['tool_choice'] ?? body['function_call'], tools, freeform);
}

function decodeTool(
  tool: unknown,
  { at, freeform, context }: { at: string; freeform: string[]; context: DecodeContext },
): Tool[] {
  if (!isFields(tool)) throw invalid(at, 'must be an object');
  const cache = lenientMark(tool['cache_control']);
  const mark = cache === undefined ? {} : { cache };
  if (isFields(tool['custom'])) {
    const made = freeformTool(tool['custom'], `${at}.custom.`);
    freeform.push(made.name);
    return [{ ...made, ...mark }];
  }
  if (tool['type'] !== undefined && tool['type'] !== 'function') {
    context.warn('tool_ignored', `a tool of type ${String(tool['type']).slice(0, 40)} is not available here`);
    return [];
  }
  if (!isFields(tool['function'])) throw invalid(`${at}.function`, 'must be an object');
  return [{ ...functionTool(tool['function'], `${at}.function.`), ...mark }];
}

function withChoice(choice: unknown, tools: Tool[], freeform: string[]): ChatTools {
  if (choice === undefined || choice === null || typeof choice === 'string') {
    return { tools, toolChoice: modeChoice(choice), freeform };
  }
  if (!isFields(choice)) throw invalid('tool_choice', 'must be a string or an object');
  if (choice['type'] === 'allowed_tools') {
    const allowed = isFields(choice['allowed_tools']) ? choice['allowed_tools'] : choice;
    const names = new Set((listField(allowed, 'tools', 'tool_choice.') ?? []).map(toolName));
    return {
      tools: tools.filter(({ name }) => names.has(name)),
      toolChoice: modeChoice(allowed['mode']),
      freeform,
    };
  }
  const name = toolName(choice);
  if (name === undefined) return { tools, toolChoice: { kind: 'auto' }, freeform };
  if (!tools.some((tool) => tool.name === name)) throw invalid('tool_choice', `there is no tool ${name}`);
  return { tools, toolChoice: { kind: 'tool', name }, freeform };
}

/** The name in `{function: {name}}`, `{custom: {name}}` or `{name}`. */
function toolName(value: unknown): string | undefined {
  if (!isFields(value)) return undefined;
  const holder = [value['function'], value['custom'], value].find(isFields);
  return typeof holder?.['name'] === 'string' ? holder['name'] : undefined;
}
