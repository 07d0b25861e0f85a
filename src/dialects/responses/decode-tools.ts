/** Tools and tool choice of a Responses body. */
import type { Tool, ToolChoice } from '../../request/types.js';
import { type Fields, invalid, isFields, listField, requiredText, shown } from '../fields.js';
import { freeformTool, functionTool, modeChoice } from '../tools.js';
import type { DecodeContext } from '../types.js';
import { flatName, type ToolNames } from './tool-names.js';

export interface ResponsesTools {
  tools: Tool[];
  toolChoice: ToolChoice;
  names: ToolNames;
}

/**
 * Tools that OpenAI's servers run are left out with a warning; a namespace becomes one function per member. Items of
 * the input may bring further tools; one declared already stays as it was declared.
 */
export function decodeResponsesTools(
  body: Fields,
  inputItems: readonly unknown[],
  context: DecodeContext,
): ResponsesTools {
  const names: ToolNames = new Map();
  const declare = new Declarations(names, context);
  const declared = (listField(body, 'tools') ?? []).flatMap((tool, index) =>
    declare.tool(tool, `tools[${index}]`, null),
  );
  const known = new Set(declared.map(({ name }) => name));
  const brought = broughtTools(inputItems)
    .flatMap(({ tool, at }) => declare.tool(tool, at, null))
    .filter(({ name }) => !known.has(name) && known.add(name));
  const tools = [...declared, ...brought];
  return { ...chosen(body['tool_choice'], tools, context), names };
}

/** Tools of `additional_tools` and of what a tool search found. */
function broughtTools(inputItems: readonly unknown[]): { tool: unknown; at: string }[] {
  return inputItems.flatMap((item, index) => {
    if (!isFields(item)) return [];
    if (item['type'] !== 'additional_tools' && item['type'] !== 'tool_search_output') return [];
    const at = `input[${index}].`;
    return (listField(item, 'tools', at) ?? []).map((tool, place) => ({ tool, at: `${at}tools[${place}]` }));
  });
}

class Declarations {
  readonly #names: ToolNames;
  readonly #context: DecodeContext;

  constructor(names: ToolNames, context: DecodeContext) {
    this.#names = names;
    this.#context = context;
  }

  tool(tool: unknown, at: string, namespace: string | null): Tool[] {
    if (!isFields(tool)) throw invalid(at, 'must be an object');
    const { type } = tool;
    if (type === 'function') return [this.#named(functionTool(tool, `${at}.`), namespace, false)];
    if (type === 'custom') return [this.#named(freeformTool(tool, `${at}.`), namespace, true)];
    if (type === 'namespace' && namespace === null) return this.#members(tool, at);
    const name = shown(type);
    this.#context.warn('tool_ignored', `a tool of type ${name} is not available here`);
    return [];
  }

  #members(tool: Fields, at: string): Tool[] {
    const namespace = requiredText(tool, 'name', `${at}.`);
    const members = listField(tool, 'tools', `${at}.`) ?? [];
    return members.flatMap((member, index) => this.tool(member, `${at}.tools[${index}]`, namespace));
  }

  #named(tool: Tool, namespace: string | null, isFreeform: boolean): Tool {
    const flat = flatName(tool.name, namespace);
    this.#names.set(flat, { name: tool.name, namespace, isFreeform });
    return { ...tool, name: flat };
  }
}

/** Choices that name a tool which can be called here; the others are of tools that were left out. */
const NAMED_CHOICES = new Set(['function', 'custom']);

function chosen(
  choice: unknown,
  tools: Tool[],
  context: DecodeContext,
): { tools: Tool[]; toolChoice: ToolChoice } {
  if (choice === undefined || choice === null || typeof choice === 'string') {
    return { tools, toolChoice: modeChoice(choice) };
  }
  if (!isFields(choice)) throw invalid('tool_choice', 'must be a string or an object');
  if (choice['type'] === 'allowed_tools') {
    const names = new Set((listField(choice, 'tools', 'tool_choice.') ?? []).map(flatNameOf));
    return { tools: tools.filter(({ name }) => names.has(name)), toolChoice: modeChoice(choice['mode']) };
  }
  const name = NAMED_CHOICES.has(shown(choice['type'] ?? 'function')) ? flatNameOf(choice) : undefined;
  if (name === undefined) {
    context.warn('tool_choice_ignored', 'this kind of tool_choice is not available here; auto is used');
    return { tools, toolChoice: { kind: 'auto' } };
  }
  if (!tools.some((tool) => tool.name === name)) throw invalid('tool_choice', `there is no tool ${name}`);
  return { tools, toolChoice: { kind: 'tool', name } };
}

function flatNameOf(value: unknown): string | undefined {
  if (!isFields(value) || typeof value['name'] !== 'string') return undefined;
  return flatName(value['name'], typeof value['namespace'] === 'string' ? value['namespace'] : null);
}
