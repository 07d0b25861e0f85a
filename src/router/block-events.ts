/** Workers' blocks as they tell them: into the index, and into what is remembered beside it. */
import { sequenceHashes } from '../prompt/hash/block-hash.js';
import type { RouterState } from './decide.js';
import type { EventCounts, RouteInput, Tier, WorkerId } from './types.js';

type ComputedPrompt = Pick<RouteInput, 'blockTokens' | 'localHashes'>;

/** The one writer of what workers hold. Workers that are not known are ignored. */
export class BlockEvents {
  readonly #state: RouterState;
  /** Events applied. */
  readonly applied: EventCounts = { stored: 0, removed: 0, cleared: 0, evictedBlocks: 0 };

  constructor(state: RouterState) {
    this.#state = state;
  }

  stored(
    worker: WorkerId,
    tier: Tier,
    parent: bigint | null,
    engineHashes: BigUint64Array,
    localHashes: BigUint64Array,
  ): void {
    const { workers, index, reachable } = this.#state;
    const lane = workers.get(worker)?.lane;
    if (lane === undefined) return;
    this.applied.stored += 1;
    index.store(lane, tier, parent ?? 0n, engineHashes, localHashes);
    reachable.addStored(lane, parent, engineHashes, localHashes);
  }

  /** A prompt was computed outside any request: believed where the worker tells no events, and reachable from now on. */
  computed(worker: WorkerId, { blockTokens, localHashes }: ComputedPrompt): void {
    const { workers, approximate, reachable } = this.#state;
    const record = workers.get(worker);
    if (record === undefined) return;
    const sequence = sequenceHashes(localHashes);
    reachable.addPrompt(sequence);
    if (record.worker.blockTokens === blockTokens) approximate.enter(record.lane, sequence, localHashes);
  }

  removed(worker: WorkerId, tier: Tier, engineHashes: BigUint64Array, told: number): void {
    const { workers, index, losses } = this.#state;
    const lane = workers.get(worker)?.lane;
    if (lane === undefined) return;
    this.applied.removed += told;
    if (tier === 'gpu') this.applied.evictedBlocks += engineHashes.length;
    index.remove(lane, tier, engineHashes);
    losses.removed(lane, tier, engineHashes);
  }

  /** The engine's own memory is empty: what lies in tiers below stays. */
  cleared(worker: WorkerId): void {
    const { workers, index, approximate, losses } = this.#state;
    this.applied.cleared += 1;
    const lane = workers.get(worker)?.lane;
    if (lane === undefined) return;
    index.clear(lane, 'gpu');
    approximate.clear(lane);
    losses.lost(worker, 'cleared');
  }

  /** Its cache is gone or can no longer be known. */
  dropped(worker: WorkerId): void {
    const { workers, index, approximate, predicted, sessions, losses } = this.#state;
    const lane = workers.get(worker)?.lane;
    if (lane !== undefined) {
      index.clear(lane);
      approximate.clear(lane);
    }
    losses.lost(worker, 'dropped');
    predicted.clear(worker);
    sessions.forgetWorker(worker);
  }
}
