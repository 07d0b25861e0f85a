/** Fields of one KV event, from its map or its positional form. */
import { type MsgpackReader, nameKey } from './msgpack-reader.js';

/** What means something here, whichever type the event is of. */
export interface EventFields {
  type: string;
  /** Its hashes are the last ones in the pool. */
  hasHashes: boolean;
  parent: bigint | null;
  tokens: Uint32Array;
  blockTokens: unknown;
  medium: unknown;
  locality: unknown;
  loraName: unknown;
  cacheSalt: unknown;
  extraKeys: (unknown[] | null)[];
  group: unknown;
  kind: unknown;
}

/** Order of the fields in the positional form (`vllm/distributed/kv_events.py`); trailing ones may be missing. */
const ORDER: Record<string, readonly string[]> = {
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

/** Texts that come with every event, for the reader. */
export const NAMES: ReadonlyMap<number, string> = new Map(
  [
    ...['type', 'cache_salt', 'session_id', 'ownership', 'GPU', 'CPU', 'LOCAL', 'full_attention'],
    ...Object.keys(ORDER),
    ...Object.values(ORDER).flat(),
  ].map((name) => [nameKey(Buffer.from(name), 0, name.length), name]),
);

const NO_TOKENS = new Uint32Array(0);
const NO_KEYS: [] = [];

/** Reads the next event; of one of unknown type only the type. Its hashes go into the reader's pool. */
export function readFields(reader: MsgpackReader): EventFields {
  const fields: EventFields = {
    type: '',
    hasHashes: false,
    parent: null,
    tokens: NO_TOKENS,
    blockTokens: null,
    medium: null,
    locality: null,
    loraName: null,
    cacheSalt: null,
    extraKeys: NO_KEYS,
    group: null,
    kind: null,
  };
  if (reader.isMap()) {
    for (let left = reader.mapSize(); left > 0; left--) {
      readField(String(reader.value()), reader, fields);
    }
    return fields;
  }
  const size = reader.listSize();
  if (size > 0) fields.type = String(reader.value());
  const order = ORDER[fields.type] ?? NO_KEYS;
  for (let at = 1; at < size; at++) readField(order[at - 1] ?? '', reader, fields);
  return fields;
}

function readField(name: string, reader: MsgpackReader, fields: EventFields): void {
  // vLLM and SGLang tell the type first.
  if (fields.type !== '' && ORDER[fields.type] === undefined) reader.skip();
  else if (name === 'type') fields.type = String(reader.value());
  else if (name === 'block_hashes') fields.hasHashes = reader.hashes();
  else if (name === 'parent_block_hash') fields.parent = reader.hash();
  else if (name === 'token_ids') fields.tokens = reader.isNil() ? NO_TOKENS : reader.tokens();
  else if (name === 'block_size') fields.blockTokens = reader.value();
  else if (name === 'medium') fields.medium = reader.value();
  else if (name === 'locality') fields.locality = reader.value();
  else if (name === 'lora_name') fields.loraName = reader.value();
  else if (name === 'cache_salt') fields.cacheSalt = reader.value();
  else if (name === 'extra_keys') fields.extraKeys = keysOf(reader);
  else if (name === 'group_idx') fields.group = reader.value();
  else if (name === 'kv_cache_spec_kind') fields.kind = reader.value();
  else reader.skip();
}

/** Per block null or a list of keys; empty where all are null, as they mostly are. */
function keysOf(reader: MsgpackReader): (unknown[] | null)[] {
  if (reader.isNil() || reader.skipNils()) return NO_KEYS;
  const value = reader.value();
  if (!Array.isArray(value)) throw new TypeError('a list of keys was expected');
  return value.map((keys) => (Array.isArray(keys) ? keys : null));
}
