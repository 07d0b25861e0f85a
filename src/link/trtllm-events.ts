/** TensorRT-LLM's KV events, as `POST /kv_cache_events` answers them, into the sink of a feed. */
import { blockSeed, hashBlocks } from '../prompt/hash/block-hash.js';
import type { Tier } from '../router/types.js';
import { engineHash } from './kv-events.js';
import type { KvFeedSink } from './kv-feed.js';

/** What one answer came to. */
export interface AppliedEvents {
  events: number;
  /** Blocks that are not counted: not full, or of text and pictures mixed. */
  ignored: number;
  unreadable: number;
  /** Numbers missing between two events: the engine dropped what its buffer could not hold, or another reader took them. */
  gaps: { expected: number; got: number }[];
  /** Numbers began anew: another run of the engine. */
  restarts: number;
  /** Tokens of a block larger than planned; null when all fit. */
  otherSize: number | null;
}

interface KnownBlock {
  parent: bigint | null;
  local: bigint;
}

type Fields = Record<string, unknown>;

/** Cache levels: the engine's own memory, then the host's. */
const LEVELS: readonly Tier[] = ['gpu', 'cpu'];

/**
 * One per worker. A block that changes its level is told by its hash alone, so hash and parent of each block held are kept
 * until it is removed; at most `blocksMax`, the oldest are forgotten and then cannot be followed to another level.
 */
export class TrtllmEvents {
  readonly #blockTokens: number;
  readonly #sink: KvFeedSink;
  readonly #blocksMax: number;
  readonly #known = new Map<bigint, KnownBlock>();
  /** Next event number by attention rank. */
  readonly #next = new Map<number, number>();
  /** The widest attention window seen: narrower ones do not hold whole prefixes. */
  #window = 0;

  constructor(options: { blockTokens: number; sink: KvFeedSink; blocksMax: number }) {
    this.#blockTokens = options.blockTokens;
    this.#sink = options.sink;
    this.#blocksMax = options.blocksMax;
  }

  /** Throws TypeError when the answer is no list; what one event has wrong costs that event. */
  apply(answer: unknown): AppliedEvents {
    if (!Array.isArray(answer)) throw new TypeError('its answer is no list of events');
    const applied: AppliedEvents = {
      events: 0,
      ignored: 0,
      unreadable: 0,
      gaps: [],
      restarts: 0,
      otherSize: null,
    };
    for (const raw of answer) {
      try {
        this.#event(raw as Fields, applied);
        applied.events += 1;
      } catch {
        applied.unreadable += 1;
      }
    }
    return applied;
  }

  #event(raw: Fields, applied: AppliedEvents): void {
    const data = raw['data'] as Fields;
    this.#follow(raw, applied);
    const window = Number(raw['window_size'] ?? this.#window);
    if (window > this.#window) this.#widen(window);
    if (window < this.#window) {
      applied.ignored += 1;
      return;
    }
    if (data['type'] === 'stored') this.#stored(data, applied);
    else if (data['type'] === 'removed') this.#removed(list(data['block_hashes']).map(blockHash));
    else if (data['type'] === 'updated') this.#updated(data, applied);
  }

  #follow(raw: Fields, applied: AppliedEvents): void {
    const id = Number(raw['event_id']);
    if (!Number.isSafeInteger(id)) throw new TypeError('an event without a number');
    const rank = Number(raw['attention_dp_rank'] ?? 0);
    const expected = this.#next.get(rank);
    this.#next.set(rank, id + 1);
    if (expected === undefined || id === expected) return;
    if (id < expected) applied.restarts += 1;
    else applied.gaps.push({ expected, got: id });
    // What was lost may have been a removal; an engine tells nothing twice.
    this.#drop();
  }

  /** What was told before was a narrower window's. */
  #widen(window: number): void {
    if (this.#window > 0) this.#drop();
    this.#window = window;
  }

  #drop(): void {
    this.#known.clear();
    this.#sink.dropAll();
  }

  /** Blocks of one event continue each other. */
  #stored(data: Fields, applied: AppliedEvents): void {
    const parentValue = data['parent_hash'];
    let parent = parentValue === null || parentValue === undefined ? null : blockHash(parentValue);
    for (const block of list(data['blocks']) as Fields[]) {
      const tokens = list(block['tokens']) as Fields[];
      if (tokens.length > this.#blockTokens) applied.otherSize = tokens.length;
      const isText = tokens.every((token) => Number(token['token_extra_id'] ?? 0) === 0);
      const hasMedia = Array.isArray(block['mm_keys']) && block['mm_keys'].length > 0;
      // Nothing after such a block can be placed.
      if (tokens.length !== this.#blockTokens || !isText || hasMedia) {
        applied.ignored += 1;
        return;
      }
      const hash = blockHash(block['block_hash']);
      const ids = Uint32Array.from(tokens, (token) => Number(token['token_id']));
      const local = hashBlocks(ids, this.#blockTokens, blockSeed({}))[0] as bigint;
      this.#store(tierOf(block['cache_level']), hash, { parent, local });
      this.#remember(hash, { parent, local });
      parent = hash;
    }
  }

  /** The event does not say from which level: a block lies on one at a time. */
  #removed(hashes: bigint[]): void {
    for (const hash of hashes) this.#known.delete(hash);
    const all = BigUint64Array.from(hashes);
    for (const tier of LEVELS) this.#sink.removed(tier, all);
  }

  #updated(data: Fields, applied: AppliedEvents): void {
    const level = data['cache_level'] as { old_value?: unknown; new_value?: unknown } | null | undefined;
    if (level === null || level === undefined) return;
    const hash = blockHash(data['block_hash']);
    const known = this.#known.get(hash);
    if (known === undefined) {
      applied.ignored += 1;
      this.#sink.removed(tierOf(level.old_value), BigUint64Array.of(hash));
      return;
    }
    this.#store(tierOf(level.new_value), hash, known);
    this.#sink.removed(tierOf(level.old_value), BigUint64Array.of(hash));
  }

  #store(tier: Tier, hash: bigint, { parent, local }: KnownBlock): void {
    this.#sink.stored(tier, parent, BigUint64Array.of(hash), BigUint64Array.of(local));
  }

  #remember(hash: bigint, block: KnownBlock): void {
    this.#known.delete(hash);
    this.#known.set(hash, block);
    if (this.#known.size <= this.#blocksMax) return;
    const [oldest] = this.#known.keys();
    if (oldest !== undefined) this.#known.delete(oldest);
  }
}

/**
 * Integers, which JSON has rounded to a double in the same way wherever they occur, and hexadecimal digests: their last 64
 * bits.
 */
function blockHash(value: unknown): bigint {
  if (typeof value === 'number' && Number.isInteger(value)) return engineHash(BigInt(value));
  if (typeof value === 'string' && /^[0-9a-f]+$/i.test(value))
    return engineHash(BigInt(`0x${value.slice(-16)}`));
  throw new TypeError('a block hash that is no integer and no digest');
}

function tierOf(level: unknown): Tier {
  const tier = LEVELS[Number(level ?? 0)];
  if (tier === undefined) throw new TypeError(`the unknown cache level ${String(level)}`);
  return tier;
}

function list(value: unknown): unknown[] {
  if (!Array.isArray(value)) throw new TypeError('a list was expected');
  return value;
}
