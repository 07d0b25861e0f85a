/** The Open Responses specification's schemas as checks: what is wrong with a value, in words. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';

interface Schemas {
  components: { schemas: Record<string, { properties?: { type?: { enum?: string[] } } }> };
}

const file = path.join(import.meta.dirname, '../fixtures/openresponses/schemas.json');
const document = JSON.parse(readFileSync(file, 'utf8')) as Schemas;
const ajv = new Ajv2020({ strict: false, allErrors: true });
ajv.addSchema(document, 'openapi');
const compiled = new Map<string, ValidateFunction>();

/** Schema name by event type. */
const EVENTS = new Map(
  Object.entries(document.components.schemas)
    .filter(([name]) => name.endsWith('StreamingEvent'))
    .map(([name, { properties }]) => [properties?.type?.enum?.[0] ?? name, name]),
);

/** Problems of a value against a schema of the specification. */
export function problemsOf(schema: string, value: unknown): string[] {
  const known = compiled.get(schema);
  const validate = known ?? ajv.compile({ $ref: `openapi#/components/schemas/${schema}` });
  compiled.set(schema, validate);
  if (validate(value)) return [];
  return (validate.errors ?? []).map(({ instancePath, message }) => `${schema}${instancePath} ${message}`);
}

/** Problems of one event of a stream, whatever its type; a type the specification does not have is one. */
export function eventProblems(event: { type: string }): string[] {
  const schema = EVENTS.get(event.type);
  return schema === undefined ? [`unknown event ${event.type}`] : problemsOf(schema, event);
}
