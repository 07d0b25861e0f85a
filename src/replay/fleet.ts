/** The simulated workers of a run, wired to the real router: their events feed its index. */
import { GARBAGE_LIST, lruOrder, nextUseOrder } from '../engines/simulator/eviction.js';
import type { PassTiming } from '../engines/simulator/types.js';
import { GONE_MS, NextUseBook } from '../retention/next-use.js';
import type { Clock } from '../router/clock.js';
import type { Router } from '../router/router.js';
import type { ReplayConfig } from './config.js';
import { engineHashes, localHashes } from './hashes.js';
import { HostTier } from './host-tier.js';
import { SimHost } from './sim-host.js';
import type { Turn } from './types.js';

export interface FleetOptions {
  clock: Clock;
  router: Router;
  config: ReplayConfig;
  blockTokens: number;
}

export const workerName = (index: number): string => `w${index}`;

export class Fleet {
  readonly hosts: SimHost[];
  readonly #tier: HostTier | null;
  readonly #nextUse = new NextUseBook<number>();
  /** Worker each conversation's last request went to, and that request's blocks. */
  readonly #homes = new Map<number, { worker: number; blocks: Int32Array }>();
  readonly #tagged = new Set<number>();
  readonly #clock: Clock;
  readonly #isSelective: boolean;

  constructor({ clock, router, config, blockTokens }: FleetOptions) {
    this.#clock = clock;
    this.#isSelective = config.retention === 'selective';
    const tier = this.#hostTier(config, router);
    this.#tier = tier;
    this.hosts = Array.from({ length: config.workers }, (_, index) => {
      const id = workerName(index);
      const feed = router.feedSink(id);
      const host = new SimHost(clock, {
        blocks: config.blocks,
        blockTokens,
        timing: slowed(config.timing, config.slowness?.[index] ?? 1),
        byPriority: config.enginePriorities === true,
        order: this.#isSelective ? nextUseOrder(this.#nextUseOn(index)) : lruOrder(),
        ...(tier === null
          ? {}
          : { tierBlocks: (request, blocks, from) => tier.read(blocks, from, request.session) }),
        sink: {
          stored: (parent, blocks) =>
            feed.stored(
              'gpu',
              parent === -1 ? null : BigInt(parent + 1),
              engineHashes(blocks),
              localHashes(blocks),
            ),
          removed: (block) => feed.removed('gpu', engineHashes(Int32Array.of(block))),
        },
      });
      router.addWorker({ id, blockTokens, kvBlocks: config.blocks, feed: 'events' });
      router.setEligible(id, true);
      return host;
    });
  }

  /** A request of a conversation goes to a worker: what its last prompt showed and this one does not is garbage. */
  started(session: number, worker: number, turn: Turn): void {
    if (session < 0) return;
    const before = this.#homes.get(session);
    if (this.#isSelective && before !== undefined) {
      const { pool } = (this.hosts[before.worker] as SimHost).worker;
      for (let at = commonPrefix(before.blocks, turn.blocks); at < before.blocks.length; at++) {
        pool.relist(before.blocks[at] as number, session, GARBAGE_LIST);
        this.#tier?.abandon(before.blocks[at] as number, session);
      }
    }
    this.#homes.set(session, { worker, blocks: turn.blocks });
    if (turn.priority > 0) this.#tagged.add(session);
    this.#nextUse.started(session, this.#clock.now());
  }

  ended(session: number, turn: Turn): void {
    if (session >= 0) this.#nextUse.ended(session, this.#clock.now());
    this.#tier?.store(turn.blocks, session, this.#clock.now());
  }

  #hostTier({ tier, workers }: ReplayConfig, router: Router): HostTier | null {
    if (tier === undefined) return null;
    const remaining = (session: number, now: number) => ({
      // What runs is in a worker's memory, and written through again when it ends.
      ms: this.#nextUse.remaining(session, now) || GONE_MS,
      isTagged: this.#tagged.has(session),
    });
    return new HostTier({
      ...tier,
      order: this.#isSelective ? nextUseOrder({ remaining }) : lruOrder(),
      router,
      workers: Array.from({ length: workers }, (_, index) => workerName(index)),
    });
  }

  #nextUseOn(worker: number) {
    return {
      remaining: (session: number, now: number) => ({
        // What a conversation left behind when it moved away is not read again.
        ms:
          this.#homes.get(session)?.worker === worker
            ? this.#nextUse.remaining(session, now)
            : Number.MAX_VALUE,
        isTagged: this.#tagged.has(session) && this.#homes.get(session)?.worker === worker,
      }),
    };
  }
}

function slowed(timing: PassTiming, factor: number): PassTiming {
  return factor === 1 ? timing : { passMs: (...args) => factor * timing.passMs(...args) };
}

function commonPrefix(a: Int32Array, b: Int32Array): number {
  let at = 0;
  while (at < a.length && at < b.length && a[at] === b[at]) at += 1;
  return at;
}
