/** What a request's tools mean for generation: nothing, a call that must come, or one that may. */
import { grammarOf, type JsonSchema } from '../grammar/json-schema.js';
import { ApiError } from './prompt.js';

export type ToolMode =
  | { kind: 'none' }
  /** The output is text; a call written in a known form is recognised at the end. */
  | { kind: 'auto'; names: ReadonlySet<string> }
  /** The output is `{"name": …, "arguments": …}`, or the arguments alone when the client named the function. */
  | { kind: 'forced'; grammar: string; named: string | null };

interface FunctionTool {
  name: string;
  parameters: JsonSchema;
}

const TOOLS_MAX = 512;

export function toolMode(body: Record<string, unknown>): ToolMode {
  const tools = functionsOf(body['tools']);
  const choice = body['tool_choice'];
  if (tools.length === 0 || choice === 'none') return { kind: 'none' };
  if (choice === 'required') return { kind: 'forced', grammar: anyCallGrammar(tools), named: null };
  if (typeof choice === 'object' && choice !== null) {
    const name = (choice as { function?: { name?: unknown } }).function?.name;
    const tool = tools.find((entry) => entry.name === name);
    if (tool === undefined)
      throw new ApiError(
        400,
        'BadRequestError',
        `tool_choice names a function that is not in tools: ${String(name)}`,
        'tool_choice',
      );
    return { kind: 'forced', grammar: grammarOf(tool.parameters), named: tool.name };
  }
  return { kind: 'auto', names: new Set(tools.map(({ name }) => name)) };
}

/** The call a finished text is, in Hermes' tags or as bare JSON; null when it is none of a declared tool. */
export function callIn(text: string, names: ReadonlySet<string>): { name: string; arguments: string } | null {
  const inner = /^\s*(?:<tool_call>)?\s*(\{[\s\S]*\})\s*(?:<\/tool_call>)?\s*$/.exec(text)?.[1];
  if (inner === undefined) return null;
  try {
    const call = JSON.parse(inner) as { name?: unknown; arguments?: unknown };
    if (typeof call.name !== 'string' || !names.has(call.name)) return null;
    return { name: call.name, arguments: JSON.stringify(call.arguments ?? {}) };
  } catch {
    return null;
  }
}

function functionsOf(value: unknown): FunctionTool[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || value.length > TOOLS_MAX)
    throw new ApiError(400, 'BadRequestError', `tools must be a list of at most ${TOOLS_MAX}`, 'tools');
  return value.flatMap((entry): FunctionTool[] => {
    const tool = (entry as { function?: { name?: unknown; parameters?: unknown } } | null)?.function;
    if (typeof tool?.name !== 'string')
      throw new ApiError(400, 'BadRequestError', 'each tool needs a function with a name', 'tools');
    return [{ name: tool.name, parameters: objectSchema(tool.parameters) }];
  });
}

/** Arguments are always an object, whatever the schema leaves open. */
function objectSchema(parameters: unknown): JsonSchema {
  return typeof parameters === 'object' && parameters !== null
    ? { type: 'object', ...parameters }
    : { type: 'object' };
}

function anyCallGrammar(tools: FunctionTool[]): string {
  return grammarOf({
    anyOf: tools.map(({ name, parameters }) => ({
      type: 'object',
      properties: { name: { const: name }, arguments: parameters },
      required: ['name', 'arguments'],
    })),
    ...definitions(tools),
  });
}

/** `$ref`s are looked up from the root: each tool's definitions move there under its own name. */
function definitions(tools: FunctionTool[]): Record<string, unknown> {
  const entries = tools.flatMap(({ parameters }) =>
    Object.entries(((parameters as Record<string, unknown>)['$defs'] as object | undefined) ?? {}),
  );
  return entries.length === 0 ? {} : { $defs: Object.fromEntries(entries) };
}
