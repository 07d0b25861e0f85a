/** A worker's KV events, from its ZMQ sockets into the router's index. */
import { Subscriber } from 'zeromq';
import { LIMITS } from '../limits.js';
import type { EventEndpoints } from '../plan/types.js';
import type { Tier } from '../router/types.js';
import { BlockMapper, type SeedFacts } from './kv-blocks.js';
import type { KvEvent } from './kv-event.js';
import { decodeBatch } from './kv-events.js';
import { BatchOrder } from './kv-order.js';
import { batchOf, type RawBatch, ReplayClient } from './kv-replay.js';
import { TimeSlice } from './time-slice.js';

/** Where blocks go; called in the engine's order. A router's `feedSink(worker)` is one. */
export interface KvFeedSink {
  stored(tier: Tier, parent: bigint | null, engineHashes: BigUint64Array, localHashes: BigUint64Array): void;
  /** `told` = as how many events it came, 1 unless given. */
  removed(tier: Tier, engineHashes: BigUint64Array, told?: number): void;
  /** The engine emptied its cache. */
  cleared(): void;
  /** What was told so far cannot be trusted any more. */
  dropAll(): void;
}

export interface KvFeedObserver {
  /** The subscription is connected (`true`) or lost. */
  onConnection?(isConnected: boolean): void;
  onGap?(gap: { expected: number; got: number; isFilled: boolean }): void;
  /** The engine was started anew and its blocks were dropped. */
  onRestart?(): void;
  /** Once per code and feed. */
  onWarning?(code: string, message: string): void;
  /** Events of one applied batch. */
  onBatch?(events: number): void;
}

export interface KvFeedStats {
  batches: number;
  events: number;
  gaps: number;
  /** Times everything was dropped: a gap that could not be filled, or a restart. */
  resyncs: number;
  decodeErrors: number;
  /** Events of unknown type or of blocks we do not count. */
  ignored: number;
}

export interface KvFeedOptions {
  worker: string;
  endpoints: EventEndpoints;
  blockTokens: number;
  sink: KvFeedSink;
  observer?: KvFeedObserver;
  /** Seed of our block hash for a LoRA adapter and cache salt; NVIDIA Dynamo's unless given. */
  seedOf?: (facts: SeedFacts) => bigint;
  /** Silence after which a replay counts as unanswered. */
  replaySilenceMs?: number;
}

export interface KvFeed {
  stats(): KvFeedStats;
  /** Resolves when past batches have been asked for after the first connection. */
  whenSynced(): Promise<void>;
  close(): Promise<void>;
}

/** Subscribes at once and for good: a worker that starts later or restarts is picked up. Never throws later on. */
export function createKvFeed(options: KvFeedOptions): KvFeed {
  return new ZmqFeed(options);
}

class ZmqFeed implements KvFeed {
  readonly #options: KvFeedOptions;
  readonly #observer: KvFeedObserver;
  readonly #mapper: BlockMapper;
  readonly #order: BatchOrder;
  readonly #replay: ReplayClient;
  readonly #socket: Subscriber;
  readonly #warned = new Set<string>();
  readonly #stats: KvFeedStats = { batches: 0, events: 0, gaps: 0, resyncs: 0, decodeErrors: 0, ignored: 0 };
  readonly #reading: Promise<void>;
  readonly #synced: Promise<void>;
  #onSynced: () => void = () => {};
  /** Batches and connections that came while past batches were being asked for. */
  #backlog: (RawBatch | 'connected')[] = [];
  #isRepairing = false;
  #isClosed = false;

  constructor(options: KvFeedOptions) {
    this.#options = options;
    this.#observer = options.observer ?? {};
    this.#mapper = new BlockMapper(options.blockTokens, options.seedOf);
    this.#replay = new ReplayClient(
      options.endpoints.replay,
      options.replaySilenceMs ?? LIMITS.replaySilenceMs,
    );
    this.#order = new BatchOrder({
      apply: (batch) => this.#apply(batch),
      timestampOf: (batch) => this.#decode(batch)?.timestamp ?? null,
      drop: () => this.#drop(),
      replay: (start, onBatch) => this.#replay.replay(start, onBatch),
      onGap: (gap) => this.#gap(gap),
      onRestart: () => this.#observer.onRestart?.(),
    });
    this.#synced = new Promise((resolve) => {
      this.#onSynced = resolve;
    });
    // With the default high-water mark a burst of 20,000 batches loses up to a sixth of them.
    this.#socket = new Subscriber({
      receiveHighWaterMark: 0,
      linger: 0,
      reconnectInterval: 100,
      maxMessageSize: LIMITS.eventBatchBytes,
    });
    this.#socket.events.on('handshake', () => this.#enqueue('connected'));
    this.#socket.events.on('disconnect', () => this.#observer.onConnection?.(false));
    this.#socket.subscribe(options.endpoints.topic);
    this.#reading = this.#open(options.endpoints).then(() => this.#read());
  }

  stats(): KvFeedStats {
    return { ...this.#stats };
  }

  /** Engines bind and we connect, unless the engine is one that connects. */
  async #open({ events, isBound }: EventEndpoints): Promise<void> {
    if (isBound !== true) {
      this.#socket.connect(events);
      return;
    }
    try {
      await this.#socket.bind(events);
    } catch (error) {
      this.#observer.onWarning?.(
        'feed_unbound',
        `cannot listen for its events at ${events}: ${String(error)}`,
      );
    }
  }

  whenSynced(): Promise<void> {
    return this.#synced;
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#backlog = [];
    this.#replay.close();
    this.#socket.close();
    this.#onSynced();
    await this.#reading;
  }

  async #read(): Promise<void> {
    const slice = new TimeSlice();
    try {
      for await (const frames of this.#socket) {
        const batch = batchOf(frames);
        if (batch === null) this.#undecodable('frames that are no event batch');
        else this.#enqueue(batch);
        const rest = slice.rest();
        if (rest !== undefined) await rest;
      }
    } catch (error) {
      if (!this.#isClosed) this.#warn('kv_feed', `its event socket failed: ${String(error)}`);
    }
  }

  #enqueue(item: RawBatch | 'connected'): void {
    if (this.#isClosed) return;
    // A full backlog loses the batch; its number will be missed and asked for again.
    if (this.#isRepairing || this.#backlog.length > 0) {
      if (this.#backlog.length < LIMITS.replayBacklog) this.#backlog.push(item);
      return;
    }
    const repair = this.#handle(item);
    if (repair !== undefined) void this.#repair(repair);
  }

  #handle(item: RawBatch | 'connected'): Promise<void> | undefined {
    if (item !== 'connected') return this.#order.live(item);
    this.#observer.onConnection?.(true);
    return this.#order.connected().then(this.#onSynced);
  }

  /** Waits for past batches, then works off what came meanwhile. */
  async #repair(first: Promise<void>): Promise<void> {
    this.#isRepairing = true;
    const slice = new TimeSlice();
    try {
      await first;
      for (let item = this.#backlog.shift(); item !== undefined; item = this.#backlog.shift()) {
        const wait = this.#handle(item) ?? slice.rest();
        if (wait !== undefined) await wait;
      }
    } catch (error) {
      // What is thrown away here is missed by its numbers and asked for again.
      this.#backlog = [];
      this.#warn('kv_feed', `its events could not be followed: ${String(error)}`);
    } finally {
      this.#isRepairing = false;
    }
  }

  #apply(raw: RawBatch): number | null {
    const batch = this.#decode(raw);
    if (batch === null) return null;
    this.#stats.batches += 1;
    this.#stats.events += batch.told;
    if (batch.unreadable > 0)
      this.#undecodable(`${batch.unreadable} event(s) it cannot read`, batch.unreadable);
    for (const event of batch.events) this.#event(event);
    this.#observer.onBatch?.(batch.told);
    return batch.timestamp;
  }

  #event(event: KvEvent): void {
    const { sink } = this.#options;
    if (event.type === 'cleared') {
      this.#mapper.forget();
      sink.cleared();
    } else if (event.type === 'stored') {
      const mapped = this.#mapper.stored(event);
      if (!mapped.ok) this.#ignore(mapped.code, mapped.message);
      else
        sink.stored(
          mapped.blocks.tier,
          mapped.blocks.parent,
          mapped.blocks.engineHashes,
          mapped.blocks.localHashes,
        );
    } else if (event.type === 'removed') {
      const mapped = this.#mapper.removed(event);
      if (!mapped.ok) this.#ignore(mapped.code, mapped.message, event.told);
      else sink.removed(mapped.blocks.tier, mapped.blocks.engineHashes, event.told);
    } else {
      this.#ignore(`kv_event_${event.name}`, `events of type ${event.name} are not known`);
    }
  }

  #decode(raw: RawBatch): ReturnType<typeof decodeBatch> | null {
    try {
      return decodeBatch(raw.payload);
    } catch (error) {
      this.#undecodable(error instanceof Error ? error.message : String(error));
      return null;
    }
  }

  #drop(): void {
    this.#stats.resyncs += 1;
    this.#mapper.forget();
    this.#options.sink.dropAll();
  }

  #gap(gap: { expected: number; got: number; isFilled: boolean }): void {
    this.#stats.gaps += 1;
    this.#observer.onGap?.(gap);
  }

  #undecodable(what: string, count = 1): void {
    this.#stats.decodeErrors += count;
    this.#warn('kv_decode', `it sent ${what}`);
  }

  #ignore(code: string, message: string, count = 1): void {
    this.#stats.ignored += count;
    this.#warn(code, message);
  }

  #warn(code: string, message: string): void {
    if (this.#warned.has(code)) return;
    this.#warned.add(code);
    this.#observer.onWarning?.(code, `worker ${this.#options.worker}: ${message}`);
  }
}
