/** One KV event of an engine, whatever form it came in. */
import type { HashPool } from './hash-pool.js';
import type { EventFields } from './kv-event-fields.js';

/** A block hash an engine made up, as an unsigned 64-bit integer; never 0. */
export type EngineHash = bigint;

export interface StoredEvent {
  type: 'stored';
  hashes: BigUint64Array;
  /** Block before the first one; null for a root. */
  parent: EngineHash | null;
  /** Token ids of all blocks, one after the other; empty when the engine does not repeat them. */
  tokens: Uint32Array;
  blockTokens: number;
  medium: string | null;
  loraName: string | null;
  /** Salt told in a field of its own (SGLang); vLLM puts it into `extraKeys`. */
  cacheSalt: string | null;
  /** Per block what entered its hash besides tokens, null for nothing; empty when that is nothing for all. */
  extraKeys: (unknown[] | null)[];
  group: number | null;
  /** `full_attention`, `sliding_window`, `mamba`, …; null when the engine does not say. */
  kind: string | null;
}

/** Removals that follow each other on one medium: vLLM tells each block by itself. */
export interface RemovedEvent {
  type: 'removed';
  hashes: BigUint64Array;
  /** As how many events they came. */
  told: number;
  medium: string | null;
  group: number | null;
}

export type KvEvent = StoredEvent | RemovedEvent | { type: 'cleared' } | { type: 'unknown'; name: string };

const NO_HASHES = new BigUint64Array(0);

/** The event with these fields, whose hashes are those of the pool from `start` on; throws when one is missing. */
export function eventOf(fields: EventFields, pool: HashPool, start: number): KvEvent {
  const { type } = fields;
  if (type === 'AllBlocksCleared') return { type: 'cleared' };
  if (type === 'BlockStored') return storedEvent(fields, pool.view(start, pool.used));
  if (type !== 'BlockRemoved') return { type: 'unknown', name: type };
  if (!fields.hasHashes) throw new TypeError('a removal without hashes');
  return {
    type: 'removed',
    hashes: NO_HASHES,
    told: 1,
    medium: mediumOf(fields),
    group: numberOr(fields.group),
  };
}

function storedEvent(fields: EventFields, hashes: BigUint64Array): StoredEvent {
  const { parent, tokens, extraKeys } = fields;
  const blockTokens = Number(fields.blockTokens);
  if (!fields.hasHashes) throw new TypeError('a store without hashes');
  if (!Number.isInteger(blockTokens) || blockTokens < 1) throw new TypeError('a block without a size');
  if (tokens.length !== 0 && tokens.length !== hashes.length * blockTokens) {
    throw new TypeError('token ids that do not fill the blocks');
  }
  return {
    type: 'stored',
    hashes,
    parent,
    tokens,
    blockTokens,
    medium: mediumOf(fields),
    loraName: textOr(fields.loraName),
    cacheSalt: textOr(fields.cacheSalt),
    extraKeys,
    group: numberOr(fields.group),
    kind: textOr(fields.kind),
  };
}

/** vLLM's `locality` REMOTE means another host holds the block, whatever its medium there. */
function mediumOf({ locality, medium }: EventFields): string | null {
  return locality === 'REMOTE' ? 'REMOTE' : textOr(medium);
}

function textOr(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

function numberOr(value: unknown): number | null {
  return typeof value === 'number' ? value : null;
}
