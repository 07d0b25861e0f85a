/** Tools of Responses under the flat names engines know, and back. */
import { createHash } from 'node:crypto';

/** OpenAI's limit for a function name, which engines and templates share. */
const NAME_CHARS = 64;
const HASH_CHARS = 8;

export interface ToolOrigin {
  name: string;
  namespace: string | null;
  /** A `custom` tool, whose text travels as one argument. */
  isFreeform: boolean;
}

/** Flat name → what the client called it. */
export type ToolNames = Map<string, ToolOrigin>;

/** The same names give the same flat name in every request: it is part of the prompt. */
export function flatName(name: string, namespace: string | null): string {
  if (namespace === null) return name;
  const flat = namespace.endsWith('__') ? `${namespace}${name}` : `${namespace}__${name}`;
  if (flat.length <= NAME_CHARS) return flat;
  const hash = createHash('sha256').update(flat).digest('hex').slice(0, HASH_CHARS);
  return `${flat.slice(0, NAME_CHARS - HASH_CHARS - 1)}_${hash}`;
}

/** A name the client never declared (the model made it up) stays what it is. */
export function originOf(names: ToolNames, flat: string): ToolOrigin {
  return names.get(flat) ?? { name: flat, namespace: null, isFreeform: false };
}
