/** A recipe for the user's own GGUF file: the embedded engine with its usual settings. Pure. */
import path from 'node:path';
import type { ModelFacts } from '../model/facts.js';
import { type Recipe, recipeSchema } from './schema.js';

/** Longest window a worker opens unasked: a model trained for 128k would claim gigabytes of KV memory per slot. */
const CONTEXT_TOKENS_MAX = 8_192;

type OwnFacts = Pick<
  ModelFacts,
  'path' | 'fileBytes' | 'name' | 'contextTokens' | 'kvBytesPerToken' | 'layers' | 'kvHeads'
>;

export function recipeForGguf(facts: OwnFacts): Recipe {
  const name = slug(path.parse(facts.path).name);
  return recipeSchema.parse({
    name,
    title: `${facts.name} (${path.basename(facts.path)})`,
    family: 'gguf',
    licence: 'see the file’s publisher',
    model: {
      id: path.basename(facts.path),
      served_name: name,
      context: facts.contextTokens,
      kv: {
        bytes_per_token: facts.kvBytesPerToken,
        derivation: `read from the file: ${facts.layers} layers, ${facts.kvHeads} KV heads, f16`,
        heads: facts.kvHeads,
      },
    },
    variants: [
      {
        name: 'gguf',
        engine: 'embedded',
        checkpoint: facts.path,
        precision: 'gguf',
        weights_gb: facts.fileBytes / 1e9,
        context: Math.min(facts.contextTokens, CONTEXT_TOKENS_MAX),
        why: 'Your own GGUF file runs on the embedded engine, as it is.',
      },
    ],
  });
}

function slug(text: string): string {
  const plain = text
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/^[^a-z0-9]+/, '');
  return plain.slice(0, 64) || 'model';
}
