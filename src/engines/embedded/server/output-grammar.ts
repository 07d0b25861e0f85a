/** The grammar a body asks its answer to keep to: `response_format`, or vLLM's `structured_outputs` and `guided_*`. */
import { choiceGrammar, type JsonSchema, schemaGrammar } from '../grammar/json-schema-to-gbnf.js';
import { badRequest } from './api-error.js';
import { type Body, isObject, objectField } from './fields.js';

/** GBNF text, null for free text. Throws an ApiError for a form this engine does not have. */
export function outputGrammar(body: Body): string | null {
  return responseFormat(body) ?? structuredOutput(body);
}

function responseFormat(body: Body): string | null {
  const format = objectField(body, 'response_format');
  if (format === undefined || format['type'] === 'text') return null;
  if (format['type'] === 'json_object') return schemaGrammar({ type: 'object' });
  if (format['type'] !== 'json_schema')
    throw badRequest('response_format.type must be text, json_object or json_schema', 'response_format');
  const described = isObject(format['json_schema']) ? format['json_schema'] : {};
  return schemaGrammar(schemaOf(described['schema'] ?? {}, 'response_format'));
}

function structuredOutput(body: Body): string | null {
  const asked = objectField(body, 'structured_outputs') ?? {};
  const form = (name: string): unknown => asked[name] ?? body[`guided_${name}`] ?? undefined;
  const [json, choice, grammar] = [form('json'), form('choice'), form('grammar')];
  if (json !== undefined) return schemaGrammar(schemaOf(json, 'structured_outputs'));
  if (asked['json_object'] === true) return schemaGrammar({ type: 'object' });
  if (choice !== undefined) return choiceGrammar(textsOf(choice));
  if (typeof grammar === 'string') return grammar;
  if (form('regex') === undefined && grammar === undefined) return null;
  throw badRequest(
    'This engine holds an answer to json, choice or grammar (GBNF), not to a regex.',
    'structured_outputs',
  );
}

/** vLLM takes the schema as an object or as its JSON text. */
function schemaOf(value: unknown, param: string): JsonSchema {
  const schema = typeof value === 'string' ? parsed(value, param) : value;
  if (typeof schema === 'boolean' || isObject(schema)) return schema;
  throw badRequest(`${param} needs a JSON schema: an object`, param);
}

function parsed(text: string, param: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw badRequest(`${param} holds a schema that is not valid JSON`, param);
  }
}

function textsOf(value: unknown): string[] {
  const isTexts =
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((entry) => typeof entry === 'string' && entry !== '');
  if (isTexts) return value as string[];
  throw badRequest('structured_outputs.choice must be a list of texts', 'structured_outputs');
}
