/** What a request's tools mean for generation: nothing, a call that must come, or one that may. */

import { LIMITS } from '../../../limits.js';
import { argumentsSchema } from '../grammar/arguments-schema.js';
import { type CallableTool, callGrammar, schemaGrammar } from '../grammar/json-schema-to-gbnf.js';
import { badRequest } from './api-error.js';
import { type Body, isObject } from './fields.js';
import { toolEntries } from './prompt.js';

export type ToolMode =
  | { kind: 'none' }
  /** The output is text; calls written in a known form are recognised at the end. */
  | { kind: 'auto'; names: ReadonlySet<string>; isParallel: boolean }
  /** The output is `{"name": …, "arguments": …}`, or the arguments alone when the client named the function. */
  | { kind: 'forced'; grammar: string; named: string | null };

/** Throws an ApiError, or `invalid_request` for schemas past the grammar's bounds. */
export function toolMode(body: Body): ToolMode {
  const tools = toolsOf(body);
  const choice = body['tool_choice'] ?? 'auto';
  if (choice === 'none') return { kind: 'none' };
  if (choice === 'required') return { kind: 'forced', grammar: callGrammar(given(tools)), named: null };
  if (isObject(choice)) {
    const tool = namedTool(choice, tools);
    return { kind: 'forced', grammar: schemaGrammar(tool.parameters), named: tool.name };
  }
  if (choice !== 'auto')
    throw badRequest('tool_choice must be none, auto, required or a function by name', 'tool_choice');
  if (tools.length === 0) return { kind: 'none' };
  const isParallel = body['parallel_tool_calls'] !== false;
  return { kind: 'auto', names: new Set(tools.map(({ name }) => name)), isParallel };
}

function toolsOf(body: Body): CallableTool[] {
  const entries = toolEntries(body);
  if (entries.length > LIMITS.toolsMax)
    throw badRequest(`tools must be a list of at most ${LIMITS.toolsMax}`, 'tools');
  return entries.map(({ function: { name, parameters } }) => ({
    name,
    parameters: argumentsSchema(parameters),
  }));
}

function given(tools: CallableTool[]): CallableTool[] {
  if (tools.length > 0) return tools;
  throw badRequest('tool_choice needs tools to choose from', 'tool_choice');
}

function namedTool(choice: Record<string, unknown>, tools: CallableTool[]): CallableTool {
  const name = isObject(choice['function']) ? choice['function']['name'] : undefined;
  const tool = given(tools).find((entry) => entry.name === name);
  if (tool !== undefined) return tool;
  throw badRequest(
    `tool_choice names a function that is not in tools: ${String(name).slice(0, 80)}`,
    'tool_choice',
  );
}
