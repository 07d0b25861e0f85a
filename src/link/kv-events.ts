/** KV event batches of vLLM, SGLang and the embedded engine: msgpack bytes as typed events. */
import { EventList } from './event-list.js';
import { ZERO_HASH } from './hash-pool.js';
import type { EngineHash, KvEvent } from './kv-event.js';
import { NAMES } from './kv-event-fields.js';
import { MsgpackReader } from './msgpack-reader.js';

export interface KvBatch {
  /** Seconds, by the engine's clock. */
  timestamp: number;
  events: KvEvent[];
  /** As how many events these came. */
  told: number;
  /** Events of a known type that could not be read. */
  unreadable: number;
}

/** Throws on a batch that is not msgpack or has another shape; unknown events come back as `unknown`. */
export function decodeBatch(payload: Uint8Array): KvBatch {
  const reader = new MsgpackReader(payload, NAMES);
  let timestamp = 0;
  let list: EventList | undefined;
  const isMap = reader.isMap();
  const size = isMap ? reader.mapSize() : reader.listSize();
  for (let at = 0; at < size; at++) {
    const name = isMap ? reader.value() : ['ts', 'events'][at];
    if (name === 'events') list = new EventList(reader);
    else if (name === 'ts' || name === 'timestamp') timestamp = Number(reader.value()) || 0;
    else reader.skip();
  }
  if (list === undefined) throw new TypeError('a batch without a list of events');
  const { events, told, unreadable } = list;
  return { timestamp, events, told, unreadable };
}

/** Integers of either sign as one u64, never 0. */
export function engineHash(value: bigint): EngineHash {
  const hash = BigInt.asUintN(64, value);
  return hash === 0n ? ZERO_HASH : hash;
}
