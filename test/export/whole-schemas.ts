/** The schemas as their projects publish them, from a folder of the developer's: they are not ours to keep. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';

type Node = Record<string, unknown>;

/** `dgd.yaml` (nvidia.com_dynamographdeployments.yaml), `llmd.json` (values.schema.json), `compose.json` (compose-spec.json). */
export const SCHEMA_FOLDER = process.env['DYNAMO_EXPORT_SCHEMAS'];

export function wholeSchema(target: 'dynamo' | 'llm-d' | 'compose'): Node {
  if (target === 'compose') return withoutDialect(JSON.parse(read('compose.json')) as Node);
  if (target === 'llm-d') return JSON.parse(read('llmd.json')) as Node;
  const crd = parse(read('dgd.yaml')) as { spec: { versions: { name: string; schema: Node }[] } };
  const version = crd.spec.versions.find(({ name }) => name === 'v1beta1');
  return closed(version?.schema['openAPIV3Schema'] as Node) as Node;
}

const read = (file: string): string => readFileSync(path.join(SCHEMA_FOLDER as string, file), 'utf8');

/** It names its draft by an https address, which Ajv does not know. */
const withoutDialect = ({ $schema: _, ...schema }: Node): Node => schema;

/** Kubernetes drops fields it does not know without a word: here they are mistakes. */
function closed(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(closed);
  if (typeof node !== 'object' || node === null) return node;
  const entries = Object.entries(node).map(([key, value]) => [key, closed(value)] as const);
  const copy: Node = Object.fromEntries(entries);
  const isOpen = 'additionalProperties' in copy || copy['x-kubernetes-preserve-unknown-fields'] === true;
  const isShape = typeof copy['properties'] === 'object' && copy['type'] === 'object';
  return isShape && !isOpen ? { ...copy, additionalProperties: false } : copy;
}
