/** KV event batches of vLLM, SGLang and the embedded engine: msgpack bytes as typed events. */
import { decode } from '@msgpack/msgpack';
import { requireSaneShape } from './msgpack-shape.js';

/** A block hash an engine made up, as an unsigned 64-bit integer; never 0. */
export type EngineHash = bigint;

export interface StoredEvent {
  type: 'stored';
  hashes: EngineHash[];
  /** Block before the first one; null for a root. */
  parent: EngineHash | null;
  /** Token ids of all blocks, one after the other; empty when the engine does not repeat them. */
  tokens: Uint32Array;
  blockTokens: number;
  medium: string | null;
  loraName: string | null;
  /** Salt told in a field of its own (SGLang); vLLM puts it into `extraKeys`. */
  cacheSalt: string | null;
  /** Per block what entered its hash besides tokens, null for nothing. */
  extraKeys: (unknown[] | null)[];
  group: number | null;
  /** `full_attention`, `sliding_window`, `mamba`, …; null when the engine does not say. */
  kind: string | null;
}

export interface RemovedEvent {
  type: 'removed';
  hashes: EngineHash[];
  medium: string | null;
  group: number | null;
}

export type KvEvent = StoredEvent | RemovedEvent | { type: 'cleared' } | { type: 'unknown'; name: string };

export interface KvBatch {
  /** Seconds, by the engine's clock. */
  timestamp: number;
  events: KvEvent[];
  /** Events of a known type that could not be read. */
  unreadable: number;
}

type Fields = Record<string, unknown>;

/** Order of the fields in the positional form (`vllm/distributed/kv_events.py`); trailing ones may be missing. */
const FIELDS: Record<string, readonly string[]> = {
  BlockStored: [
    'block_hashes',
    'parent_block_hash',
    'token_ids',
    'block_size',
    'lora_id',
    'medium',
    'lora_name',
    'extra_keys',
    'group_idx',
    'kv_cache_spec_kind',
    'kv_cache_spec_sliding_window',
    'locality',
  ],
  BlockRemoved: ['block_hashes', 'medium', 'group_idx', 'locality'],
  AllBlocksCleared: [],
};

/** Hash 0 means "no block" in the index, so an engine's own 0 goes by this name (2^64 ÷ golden ratio). */
const ZERO_HASH = 0x9e3779b97f4a7c15n;

/** Throws on a batch that is not msgpack or has another shape; unknown events come back as `unknown`. */
export function decodeBatch(payload: Uint8Array): KvBatch {
  requireSaneShape(payload);
  // 64-bit integers must come as bigint: hashes do not fit a double.
  const value = decode(payload, { useBigInt64: true });
  const [timestamp, events] = Array.isArray(value) ? value : mapBatch(value);
  if (!Array.isArray(events)) throw new TypeError('a batch without a list of events');
  const batch: KvBatch = { timestamp: Number(timestamp) || 0, events: [], unreadable: 0 };
  for (const raw of events) {
    try {
      batch.events.push(eventOf(fieldsOf(raw)));
    } catch {
      batch.unreadable += 1;
    }
  }
  return batch;
}

/** Integers of either sign and byte strings of any length as one u64: the low 64 bits. */
export function engineHash(value: unknown): EngineHash {
  const hash = value instanceof Uint8Array ? lastEightBytes(value) : integerHash(value);
  return hash === 0n ? ZERO_HASH : hash;
}

function eventOf(fields: Fields): KvEvent {
  const name = String(fields['type']);
  if (name === 'AllBlocksCleared') return { type: 'cleared' };
  if (name === 'BlockRemoved') {
    return {
      type: 'removed',
      hashes: list(fields['block_hashes']).map(engineHash),
      medium: mediumOf(fields),
      group: numberOr(fields['group_idx']),
    };
  }
  return name === 'BlockStored' ? storedEvent(fields) : { type: 'unknown', name };
}

function storedEvent(fields: Fields): StoredEvent {
  const parent = fields['parent_block_hash'];
  const hashes = list(fields['block_hashes']).map(engineHash);
  const tokens = Uint32Array.from(list(fields['token_ids'] ?? []), Number);
  const blockTokens = Number(fields['block_size']);
  if (!Number.isInteger(blockTokens) || blockTokens < 1) throw new TypeError('a block without a size');
  if (tokens.length !== 0 && tokens.length !== hashes.length * blockTokens) {
    throw new TypeError('token ids that do not fill the blocks');
  }
  return {
    type: 'stored',
    hashes,
    parent: parent === null || parent === undefined ? null : engineHash(parent),
    tokens,
    blockTokens,
    medium: mediumOf(fields),
    loraName: textOr(fields['lora_name']),
    cacheSalt: textOr(fields['cache_salt']),
    extraKeys: list(fields['extra_keys'] ?? []).map((keys) => (Array.isArray(keys) ? keys : null)),
    group: numberOr(fields['group_idx']),
    kind: textOr(fields['kv_cache_spec_kind']),
  };
}

function mapBatch(value: unknown): [unknown, unknown] {
  const fields = (typeof value === 'object' && value !== null ? value : {}) as Fields;
  return [fields['ts'] ?? fields['timestamp'], fields['events']];
}

function fieldsOf(raw: unknown): Fields {
  if (!Array.isArray(raw)) {
    if (typeof raw !== 'object' || raw === null) throw new TypeError('an event that is no map and no list');
    return raw as Fields;
  }
  const type: unknown = raw[0];
  const fields: Fields = { type };
  const names = FIELDS[String(type)] ?? [];
  for (let at = 0; at < names.length; at++) fields[names[at] as string] = raw[at + 1];
  return fields;
}

/** vLLM's `locality` REMOTE means another host holds the block, whatever its medium there. */
function mediumOf(fields: Fields): string | null {
  return fields['locality'] === 'REMOTE' ? 'REMOTE' : textOr(fields['medium']);
}

function lastEightBytes(bytes: Uint8Array): bigint {
  let hash = 0n;
  for (const byte of bytes.subarray(Math.max(0, bytes.length - 8))) hash = (hash << 8n) | BigInt(byte);
  return hash;
}

function integerHash(value: unknown): bigint {
  if (typeof value === 'bigint') return BigInt.asUintN(64, value);
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt.asUintN(64, BigInt(value));
  throw new TypeError('a hash that is no integer and no byte string');
}

function list(value: unknown): unknown[] {
  if (!Array.isArray(value)) throw new TypeError('a list was expected');
  return value;
}

function textOr(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

function numberOr(value: unknown): number | null {
  return typeof value === 'number' ? value : null;
}
