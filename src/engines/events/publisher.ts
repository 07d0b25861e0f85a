/** Publishes KV events as vLLM 0.32 does: PUB for what is new, ROUTER for what somebody missed. */
import { rm } from 'node:fs/promises';
import { encode } from '@msgpack/msgpack';
import { Publisher, Router } from 'zeromq';
import { LIMITS } from '../../limits.js';
import type { EventEndpoints } from '../../plan/types.js';
import type { CoreKvEvent } from '../embedded/types.js';
import { ReplayBuffer } from './replay-buffer.js';

const END_OF_REPLAY = sequenceBytes(-1n);
const EMPTY = Buffer.alloc(0);

/**
 * Frames of a batch: topic, sequence number (8 bytes, big-endian, from 0), msgpack `[seconds, events, 0]`.
 * A replay is asked for with `[empty, first sequence number]` and answered with `[empty, topic, sequence,
 * payload]` for each batch kept, then `[empty, empty, -1, empty]`.
 */
export class EventPublisher {
  readonly #topic: Buffer;
  readonly #files: string[];
  // 0 = no limit: with the default of 1,000 a burst loses batches.
  readonly #pub = new Publisher({ sendHighWaterMark: 0, linger: 0 });
  readonly #router = new Router({ sendHighWaterMark: 0, linger: 0 });
  readonly #kept = new ReplayBuffer(LIMITS.keptEventBatches);
  #sending: Promise<void> = Promise.resolve();

  private constructor({ events, replay, topic }: EventEndpoints) {
    this.#topic = Buffer.from(topic);
    this.#files = [events, replay].flatMap((address) => /^ipc:\/\/(\/.+)$/.exec(address)?.[1] ?? []);
  }

  /** Rejects when an address cannot be bound. A socket file left by a dead process is replaced. */
  static async open(endpoints: EventEndpoints): Promise<EventPublisher> {
    const { events, replay } = endpoints;
    const publisher = new EventPublisher(endpoints);
    try {
      await publisher.#pub.bind(events);
      await publisher.#router.bind(replay);
    } catch (error) {
      await publisher.close();
      const detail = error instanceof Error ? error.message : String(error);
      throw new Error(`KV events cannot be published on ${events} and ${replay}: ${detail}`, {
        cause: error,
      });
    }
    void publisher.#serveReplays();
    return publisher;
  }

  /** One batch. Returns at once; batches leave in the order they were given. */
  publish(events: readonly CoreKvEvent[]): void {
    const payload = encode([Date.now() / 1000, events.map(wireEvent), 0], { useBigInt64: true });
    const sequence = sequenceBytes(BigInt(this.#kept.add(payload)));
    // One send at a time: zeromq refuses a second while the first is under way.
    this.#sending = this.#sending
      .then(() => this.#pub.send([this.#topic, sequence, payload]))
      // Only a closed socket refuses, and then nobody listens any more.
      .catch(() => {});
  }

  async close(): Promise<void> {
    await this.#sending;
    this.#pub.close();
    this.#router.close();
    // libzmq removes them on a thread of its own, for which a process that ends does not wait.
    await Promise.all(this.#files.map((file) => rm(file, { force: true })));
  }

  async #serveReplays(): Promise<void> {
    while (!this.#router.closed) {
      try {
        const [client, ...frames] = await this.#router.receive();
        const first = frames.at(-1);
        if (client !== undefined && first?.length === 8) await this.#replay(client, first.readBigUInt64BE());
      } catch {
        // The socket was closed, or this client is gone: the next one is answered all the same.
      }
    }
  }

  async #replay(client: Buffer, first: bigint): Promise<void> {
    for (const { sequence, payload } of this.#kept.from(first)) {
      await this.#router.send([client, EMPTY, this.#topic, sequenceBytes(BigInt(sequence)), payload]);
    }
    await this.#router.send([client, EMPTY, EMPTY, END_OF_REPLAY, EMPTY]);
  }
}

function sequenceBytes(sequence: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(sequence);
  return bytes;
}

/** vLLM's map form: names, order and nulls as it sends them. */
function wireEvent(event: CoreKvEvent): Record<string, unknown> {
  if (event.type === 'cleared') return { type: 'AllBlocksCleared' };
  if (event.type === 'removed')
    return { type: 'BlockRemoved', block_hashes: event.hashes, medium: event.medium, group_idx: 0 };
  return {
    type: 'BlockStored',
    block_hashes: event.hashes,
    parent_block_hash: event.parent,
    token_ids: Array.from(event.tokens),
    block_size: event.blockTokens,
    lora_id: null,
    medium: event.medium,
    lora_name: null,
    extra_keys: extraKeys(event),
    group_idx: 0,
    kv_cache_spec_kind: 'full_attention',
  };
}

/** The salt enters the hash of a prompt's first block; the others have it through their parents. */
function extraKeys({ hashes, parent, salt }: Extract<CoreKvEvent, { type: 'stored' }>): (string[] | null)[] {
  const isSalted = salt !== '' && parent === null;
  return hashes.map((_, index) => (isSalted && index === 0 ? [salt] : null));
}
