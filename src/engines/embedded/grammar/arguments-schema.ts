/** The schema of a tool's arguments, which are an object whatever the client's schema leaves open. */
import { isFields, type JsonSchema, mergeSchemas } from './merge-schemas.js';

const ANY_OBJECT: JsonSchema = { type: 'object' };

export function argumentsSchema(parameters: unknown): JsonSchema {
  if (!isFields(parameters)) return ANY_OBJECT;
  const merged = mergeSchemas(parameters, ANY_OBJECT);
  return merged === false ? ANY_OBJECT : merged;
}
