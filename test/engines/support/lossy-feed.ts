/** Between an engine's KV events and a feed: passes batches on, but for some. */
import { Publisher, Subscriber } from 'zeromq';
import { createKvFeed, type KvFeed, type KvFeedSink } from '../../../src/link/kv-feed.js';
import type { EventEndpoints } from '../../../src/plan/types.js';

export interface Watched {
  feed: KvFeed;
  /** Blocks the engine holds, by its own hash. */
  blocks: Set<bigint>;
  gaps: { isFilled: boolean }[];
}

/** A feed that keeps nothing but which blocks there are. */
export function watchFeed(endpoints: EventEndpoints, blockTokens: number): Watched {
  const blocks = new Set<bigint>();
  const gaps: { isFilled: boolean }[] = [];
  const sink: KvFeedSink = {
    stored: (_tier, _parent, hashes) => {
      for (const hash of hashes) blocks.add(hash);
    },
    removed: (_tier, hashes) => {
      for (const hash of hashes) blocks.delete(hash);
    },
    cleared: () => blocks.clear(),
    dropAll: () => blocks.clear(),
  };
  const observer = { onGap: (gap: { isFilled: boolean }) => gaps.push(gap) };
  return { feed: createKvFeed({ worker: 'w', endpoints, blockTokens, sink, observer }), blocks, gaps };
}

export interface LossyProxy {
  endpoint: string;
  /** Passes nothing on while true. */
  isDeaf: boolean;
  /** Batches that were not passed on. */
  lost: number;
  close(): void;
}

export async function lossyProxy(from: string, to: string): Promise<LossyProxy> {
  const subscriber = new Subscriber();
  subscriber.subscribe('');
  subscriber.connect(from);
  const publisher = new Publisher({ linger: 0 });
  await publisher.bind(to);
  const proxy: LossyProxy = {
    endpoint: to,
    isDeaf: false,
    lost: 0,
    close: () => {
      subscriber.close();
      publisher.close();
    },
  };
  void (async () => {
    for await (const frames of subscriber) {
      if (proxy.isDeaf) proxy.lost += 1;
      else await publisher.send(frames).catch(() => {});
    }
  })();
  return proxy;
}
