/**
 * Some engines (vLLM) hold a call's arguments to the tool's schema only where the tool is marked `strict`. Agents hardly
 * ever mark theirs, and a call that breaks its schema costs them a turn, so every tool is marked unless its client said
 * otherwise or its schema would be held to wrongly.
 */
import type { CommonRequest, Tool } from './types.js';

/** Words that vLLM's grammars cannot express: it refuses the request or ignores them, as its own list says. */
const INEXPRESSIBLE = new Set([
  'multipleOf',
  'uniqueItems',
  'contains',
  'minContains',
  'maxContains',
  'patternProperties',
  'propertyNames',
  'dependentRequired',
  'dependentSchemas',
  'not',
  'if',
  'unevaluatedProperties',
  'unevaluatedItems',
  '$dynamicRef',
]);

/** String formats its grammars know. */
const FORMATS = new Set([
  'date',
  'time',
  'date-time',
  'duration',
  'email',
  'hostname',
  'ipv4',
  'ipv6',
  'uuid',
  'uri',
]);
/** Words that hold schemas by name, and those that hold one or several. */
const NAMED = ['properties', '$defs', 'definitions'];
const NESTED = ['items', 'prefixItems', 'additionalProperties', 'anyOf', 'oneOf', 'allOf'];
const DEPTH_MAX = 32;

/** By the very list: a conversation's requests share it, and then they share the marked one too. */
const marked = new WeakMap<readonly Tool[], Tool[]>();

/** Tools without a word of their client on `strict` get one. */
export function withStrictTools(request: CommonRequest): CommonRequest {
  if (request.tools.every(({ strict }) => strict !== undefined)) return request;
  let tools = marked.get(request.tools);
  if (tools === undefined) {
    tools = request.tools.map(strictTool);
    marked.set(request.tools, tools);
  }
  return { ...request, tools };
}

function strictTool(tool: Tool): Tool {
  if (tool.strict !== undefined || !isStrictable(tool.parameters)) return tool;
  return { ...tool, strict: true };
}

/**
 * Whether a strict grammar accepts what the schema means. It allows no property and no item the schema does not name, so
 * an object or list without any would always be empty: such a schema is left to the model.
 */
export function isStrictable(schema: Record<string, unknown>): boolean {
  return schema['type'] === 'object' && isFields(schema['properties']) && isExpressible(schema, 0);
}

function isExpressible(schema: unknown, depth: number): boolean {
  if (typeof schema === 'boolean') return true;
  if (Array.isArray(schema)) return schema.every((each) => isExpressible(each, depth + 1));
  if (!isFields(schema) || depth > DEPTH_MAX) return false;
  for (const word of Object.keys(schema)) if (INEXPRESSIBLE.has(word)) return false;
  if (!isPlain(schema) || isOpen(schema)) return false;
  for (const word of NAMED) {
    const named = schema[word];
    if (named === undefined) continue;
    if (!isFields(named)) return false;
    if (!Object.values(named).every((each) => isExpressible(each, depth + 1))) return false;
  }
  return NESTED.every((word) => schema[word] === undefined || isExpressible(schema[word], depth + 1));
}

/** References within the schema, formats and patterns that a grammar can hold. */
function isPlain({ $ref, format, pattern }: Record<string, unknown>): boolean {
  if ($ref !== undefined && !(typeof $ref === 'string' && $ref.startsWith('#/'))) return false;
  if (format !== undefined && !(typeof format === 'string' && FORMATS.has(format))) return false;
  // Looking ahead or back and naming groups is beyond a grammar.
  return pattern === undefined || (typeof pattern === 'string' && !pattern.includes('(?'));
}

/** An object or list of anything. */
function isOpen(schema: Record<string, unknown>): boolean {
  const types = Array.isArray(schema['type']) ? schema['type'] : [schema['type']];
  const isAnyObject =
    types.includes('object') &&
    schema['properties'] === undefined &&
    schema['additionalProperties'] === undefined;
  const isAnyList =
    types.includes('array') && schema['items'] === undefined && schema['prefixItems'] === undefined;
  return isAnyObject || isAnyList;
}

function isFields(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
