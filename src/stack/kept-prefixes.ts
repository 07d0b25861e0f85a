/**
 * What conversations of a run began with, for the next run to compute before anybody asks: token ids, so that no text of a prompt lies
 * there as such, in a file only its owner can read. A file of another model, form or version is no use and is passed over.
 */
import { createHash } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import type { Plan } from '../plan/types.js';
import type { UsedPrefix } from '../retention/used-prefixes.js';

const FILE = 'prefixes.json';
/** System prompts of the agents one person uses. */
export const PREFIXES_KEPT = 8;

const form = z.object({
  version: z.literal(1),
  model: z.string(),
  prefixes: z
    .array(
      z.object({
        uses: z.int().min(1),
        salt: z.string().max(4_096).optional(),
        tokens: z.base64().max(1_000_000),
      }),
    )
    .max(PREFIXES_KEPT),
});

/** The most used first; empty where there are none that fit this plan. Never throws. */
export function readPrefixes(dir: string, plan: Plan): UsedPrefix[] {
  try {
    const kept = form.parse(JSON.parse(readFileSync(path.join(dir, FILE), 'utf8')));
    if (kept.model !== modelTag(plan)) return [];
    return kept.prefixes.map(({ tokens, uses, salt }) => ({
      tokens: tokensOf(tokens),
      uses,
      ...(salt === undefined ? {} : { salt }),
    }));
  } catch {
    return [];
  }
}

/** Never throws: the next start is slower then. Nothing to keep leaves what an earlier run kept. */
export function writePrefixes(dir: string, plan: Plan, prefixes: readonly UsedPrefix[]): void {
  if (prefixes.length === 0) return;
  const file = path.join(dir, FILE);
  const content = {
    version: 1,
    model: modelTag(plan),
    prefixes: prefixes.slice(0, PREFIXES_KEPT).map(({ tokens, ...rest }) => ({
      ...rest,
      tokens: Buffer.from(tokens.buffer, tokens.byteOffset, tokens.byteLength).toString('base64'),
    })),
  };
  try {
    writeFileSync(`${file}.tmp`, JSON.stringify(content), { mode: 0o600 });
    renameSync(`${file}.tmp`, file);
  } catch {
    // A full disk must not keep a stack from ending.
  }
}

/** Ids mean something to one tokenizer only, and blocks to one size. */
function modelTag({ model, recipe, variant, blockTokens, tokenizer }: Plan): string {
  const name = model.kind === 'gguf' ? [model.name, model.sha256] : [model.id, model.revision];
  const text = JSON.stringify([recipe, variant, name, tokenizer ?? null, blockTokens]);
  return createHash('sha256').update(text).digest('hex');
}

function tokensOf(base64: string): Uint32Array {
  const bytes = Buffer.from(base64, 'base64');
  return Uint32Array.from({ length: Math.floor(bytes.length / 4) }, (_, at) => bytes.readUInt32LE(at * 4));
}
