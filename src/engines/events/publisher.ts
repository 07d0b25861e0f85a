/** Publishes KV events as vLLM 0.32 does: PUB for what is new, ROUTER for what somebody missed. */
import { encode } from '@msgpack/msgpack';
import { Publisher, Router } from 'zeromq';
import type { EventEndpoints } from '../../plan/types.js';
import type { CoreKvEvent } from '../embedded/types.js';

/** Batches kept for replay, vLLM's `buffer_steps`. */
const BUFFER_BATCHES = 10_000;
const END = Buffer.from('ffffffffffffffff', 'hex');
const EMPTY = Buffer.alloc(0);

export class EventPublisher {
  readonly #topic: Buffer;
  readonly #pub: Publisher;
  readonly #replay: Router;
  readonly #buffer: { sequence: number; payload: Buffer }[] = [];
  #sequence = 0;
  #sending: Promise<void> = Promise.resolve();

  private constructor(topic: string) {
    this.#topic = Buffer.from(topic);
    // 0 = no limit: with the default a burst loses batches.
    this.#pub = new Publisher({ sendHighWaterMark: 0, linger: 0 });
    this.#replay = new Router({ linger: 0 });
  }

  static async open({ events, replay, topic }: EventEndpoints): Promise<EventPublisher> {
    const publisher = new EventPublisher(topic);
    await publisher.#pub.bind(events);
    await publisher.#replay.bind(replay);
    void publisher.#serveReplay();
    return publisher;
  }

  publish(events: readonly CoreKvEvent[]): void {
    const payload = Buffer.from(encode([Date.now() / 1000, events.map(wireEvent), 0], { useBigInt64: true }));
    const sequence = this.#sequence;
    this.#sequence += 1;
    this.#buffer.push({ sequence, payload });
    if (this.#buffer.length > BUFFER_BATCHES) this.#buffer.shift();
    // One send at a time: zeromq refuses a second while the first is under way.
    this.#sending = this.#sending
      .then(() => this.#pub.send([this.#topic, sequenceBytes(sequence), payload]))
      .catch(() => {});
  }

  async close(): Promise<void> {
    await this.#sending;
    this.#pub.close();
    this.#replay.close();
  }

  async #serveReplay(): Promise<void> {
    try {
      for await (const [client, ...frames] of this.#replay) {
        const start = frames.at(-1);
        if (client === undefined || start?.length !== 8) continue;
        const from = Number(start.readBigUInt64BE());
        for (const { sequence, payload } of this.#buffer) {
          if (sequence >= from)
            await this.#replay.send([client, EMPTY, this.#topic, sequenceBytes(sequence), payload]);
        }
        await this.#replay.send([client, EMPTY, EMPTY, END, EMPTY]);
      }
    } catch {
      // The socket was closed.
    }
  }
}

function sequenceBytes(sequence: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(sequence));
  return bytes;
}

/** Field names and order of vLLM's map form. */
function wireEvent(event: CoreKvEvent): Record<string, unknown> {
  if (event.type === 'cleared') return { type: 'AllBlocksCleared' };
  const group = { medium: event.medium, group_idx: 0 };
  if (event.type === 'removed') return { type: 'BlockRemoved', block_hashes: event.hashes, ...group };
  return {
    type: 'BlockStored',
    block_hashes: event.hashes,
    parent_block_hash: event.parent,
    token_ids: Array.from(event.tokens),
    block_size: event.blockTokens,
    lora_id: null,
    medium: event.medium,
    lora_name: null,
    extra_keys: event.hashes.map((_, index) =>
      event.salt !== '' && event.parent === null && index === 0 ? [event.salt] : null,
    ),
    group_idx: 0,
    kv_cache_spec_kind: 'full_attention',
  };
}
