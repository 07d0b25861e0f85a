/** Tools and tool choice of a chat-completions body, `functions` of old clients included. */
import type { Tool, ToolChoice } from '../../request/types.js';
import { type Fields, invalid, isFields, listField, shown } from '../fields.js';
import { lenientMark } from '../hints.js';
import { freeformTool, functionTool, modeChoice } from '../tools.js';
import type { DecodeContext } from '../types.js';

export interface ChatTools {
  tools: Tool[];
  toolChoice: ToolChoice;
  /** Names of freeform (`custom`) tools. */
  freeform: string[];
  /** The client declared `functions` and expects a `function_call`, not `tool_calls`. */
  isLegacy: boolean;
}

export function decodeChatTools(body: Fields, context: DecodeContext): ChatTools {
  const declared = listField(body, 'tools') ?? [];
  const { tools, freeform } = declaredTools(declared, context);
  const functions = listField(body, 'functions') ?? [];
  const isLegacy = functions.length > 0 && declared.length === 0;
  const hasDropped = tools.length < declared.length;
  const added = functions.map((fn, index) => {
    if (!isFields(fn)) throw invalid(`functions[${index}]`, 'must be an object');
    return functionTool(fn, `functions[${index}].`);
  });
  const all = added.length === 0 ? tools : [...tools, ...added];
  const choice = body['tool_choice'] ?? body['function_call'];
  return { ...chosen(choice, all, hasDropped), freeform, isLegacy };
}

/** By the very list: bodies of one conversation share it (`gateway/body-memo`), and nobody changes what was made of it. */
const decoded = new WeakMap<readonly unknown[], Pick<ChatTools, 'tools' | 'freeform'>>();

function declaredTools(
  declared: readonly unknown[],
  context: DecodeContext,
): Pick<ChatTools, 'tools' | 'freeform'> {
  const known = decoded.get(declared);
  if (known !== undefined) return known;
  const freeform: string[] = [];
  const tools = declared.flatMap((tool, index) =>
    decodeTool(tool, { at: `tools[${index}]`, freeform, context }),
  );
  // One left out is warned of each time.
  if (tools.length === declared.length) decoded.set(declared, { tools, freeform });
  return { tools, freeform };
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
    context.warn('tool_ignored', `a tool of type ${shown(tool['type'])} is not available here`);
    return [];
  }
  if (!isFields(tool['function'])) throw invalid(`${at}.function`, 'must be an object');
  return [{ ...functionTool(tool['function'], `${at}.function.`), ...mark }];
}

/** A choice that only a tool left out could meet becomes `auto`; one that no tool could is the client's mistake. */
function chosen(
  choice: unknown,
  tools: Tool[],
  hasDropped: boolean,
): { tools: Tool[]; toolChoice: ToolChoice } {
  if (choice === undefined || choice === null || typeof choice === 'string') {
    return { tools, toolChoice: mode(choice, tools, hasDropped) };
  }
  if (!isFields(choice)) throw invalid('tool_choice', 'must be a string or an object');
  if (choice['type'] === 'allowed_tools') {
    const allowed = isFields(choice['allowed_tools']) ? choice['allowed_tools'] : choice;
    const names = new Set((listField(allowed, 'tools', 'tool_choice.') ?? []).map(toolName));
    const left = tools.filter(({ name }) => names.has(name));
    return { tools: left, toolChoice: mode(allowed['mode'], left, hasDropped) };
  }
  const name = toolName(choice);
  if (name === undefined) return { tools, toolChoice: { kind: 'auto' } };
  if (tools.some((tool) => tool.name === name)) return { tools, toolChoice: { kind: 'tool', name } };
  if (hasDropped) return { tools, toolChoice: { kind: 'auto' } };
  throw invalid('tool_choice', `there is no tool ${name}`);
}

function mode(word: unknown, tools: readonly Tool[], hasDropped: boolean): ToolChoice {
  const choice = modeChoice(word);
  if (choice.kind !== 'required' || tools.length > 0) return choice;
  if (hasDropped) return { kind: 'auto' };
  throw invalid('tool_choice', 'there is no tool that could be required');
}

/** The name in `{function: {name}}`, `{custom: {name}}` or `{name}`. */
function toolName(value: unknown): string | undefined {
  if (!isFields(value)) return undefined;
  const holder = [value['function'], value['custom'], value].find(isFields);
  return typeof holder?.['name'] === 'string' ? holder['name'] : undefined;
}
