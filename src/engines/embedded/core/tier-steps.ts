/**
 * The batcher's steps that concern the tiers: before a prefill chunk a job may be set aside while its pages are read
 * or computed elsewhere; after it new blocks are written down. Owns no loop; calls of the device go through `alone`.
 */
import { localHashes } from '../../../cache/local-hashes.js';
import { BLOCK_TOKENS } from './block-hash.js';
import { blockRetention } from './block-retention.js';
import type { SlotCache } from './slot-cache.js';
import type { Task } from './task.js';
import type { BlockFacts, LoadedImage, TieredPrefix } from './tiered-prefix.js';
import type { Device } from './types.js';

/** Pause between looks at what another worker computes. */
const LOOK_MS = 30;
/** How long a job waits for another worker without progress: times what computing until its next writing takes, and at least. */
const WAIT_STEPS = 4;
const WAIT_MS_MIN = 1_500;
/** New blocks that are written down together while a prompt is being computed, at least. */
const SAVE_BLOCKS = 4;

export interface TierStepsOptions {
  tiers: TieredPrefix;
  device: Device;
  cache: SlotCache;
  /** Runs a call of the device while nothing else touches it. */
  alone: <Result>(call: () => Promise<Result>) => Promise<Result>;
  /** The books changed. */
  publish: () => void;
}

/** A slot whose request is over and whose last blocks are not written down yet. */
export type Unsaved = Pick<Task, 'slot' | 'saved' | 'job'>;

export class TierSteps {
  readonly #options: TierStepsOptions;

  constructor(options: TierStepsOptions) {
    this.#options = options;
  }

  /** The job got its slot; `held` tokens of its prompt are in it. */
  admitted(task: Task, held: number): void {
    task.keys = this.#options.cache.keysOf(task.job.tokens, task.job.cacheSalt);
    task.saved = held / BLOCK_TOKENS;
    if (held > 0) this.#options.tiers.found(this.#facts(task, 0), task.job.isWarm === true);
  }

  /** False when the job was set aside. */
  async before(task: Task): Promise<boolean> {
    const { tiers, cache } = this.#options;
    if (task.loaded !== null) await this.#apply(task, task.loaded);
    const length = cache.length(task.slot!);
    if (length % BLOCK_TOKENS !== 0) return true;
    const held = length / BLOCK_TOKENS;
    const next = tiers.next(task.arrival, task.keys, held, this.#mayWait(task, held));
    if (next.kind === 'load') return this.#load(task, held, next.tiers);
    if (next.kind === 'wait') return this.#wait(task, next.ready);
    task.waitingSince = null;
    task.waitingBlocks = 0;
    if (!task.isClaimed) tiers.claim(task.arrival, task.keys, held);
    task.isClaimed = true;
    return true;
  }

  /** A chunk was computed in `ms`; `isLast` when the prompt is whole. */
  async after(
    task: Task,
    chunk: { position: number; rows: number; ms: number; isLast: boolean },
  ): Promise<void> {
    const { tiers, cache } = this.#options;
    tiers.cost.computed(chunk.position, chunk.rows, chunk.ms);
    const complete = Math.floor(cache.length(task.slot!) / BLOCK_TOKENS);
    if (chunk.isLast || complete - task.saved >= saveStep(task.saved)) await this.save(task);
    if (chunk.isLast) this.ended(task);
  }

  /** The prompt is computed, or the job is over. */
  ended(task: Task): void {
    if (task.isClaimed) this.#options.tiers.release(task.arrival);
    task.isClaimed = false;
    if (task.loaded !== null) this.#options.tiers.done();
    task.loaded = null;
  }

  /** Writes the blocks of a slot down that were not yet. */
  async save(task: Unsaved): Promise<void> {
    const { tiers, device, cache, alone } = this.#options;
    const slot = task.slot!;
    const blocks = this.#facts(task, task.saved).filter(({ priority }) => priority > 0);
    const first = task.saved;
    task.saved = Math.max(task.saved, Math.floor(cache.length(slot) / BLOCK_TOKENS));
    if (!tiers.lacks(blocks)) return;
    tiers.save(await alone(() => device.readState(slot)), first, blocks);
  }

  #mayWait(task: Task, held: number): boolean {
    const there = held + task.waitingBlocks;
    const stepMs = this.#options.tiers.cost.computeMs(there, saveStep(there));
    const bound = Math.max(WAIT_MS_MIN, WAIT_STEPS * stepMs);
    return task.waitingSince === null || performance.now() - task.waitingSince < bound;
  }

  #wait(task: Task, ready: number): false {
    if (task.waitingSince === null || ready > task.waitingBlocks) {
      task.waitingSince = performance.now();
      task.waitingBlocks = ready;
    }
    task.pause = new Promise<void>((resolve) => {
      setTimeout(resolve, LOOK_MS);
    }).then(() => {
      task.pause = null;
    });
    return false;
  }

  async #load(task: Task, held: number, from: BlockFactsTiers): Promise<false> {
    const { tiers, device, alone } = this.#options;
    const state = held === 0 ? null : await alone(() => device.readState(task.slot!));
    task.pause = tiers.load(task.keys, held, from, state).then((loaded) => {
      task.pause = null;
      if (task.isOver && loaded !== null) tiers.done();
      else task.loaded = loaded;
    });
    return false;
  }

  async #apply(task: Task, loaded: LoadedImage): Promise<void> {
    const { tiers, device, cache, alone, publish } = this.#options;
    const slot = task.slot!;
    const held = cache.length(slot) / BLOCK_TOKENS;
    const total = held + loaded.pages.length;
    task.loaded = null;
    task.waitingSince = null;
    const startedAt = performance.now();
    const isWritten = await alone(() => device.writeState(slot, loaded.image));
    tiers.cost.wrote(total, performance.now() - startedAt);
    if (!isWritten || !device.trim(slot, total * BLOCK_TOKENS)) {
      cache.truncate(slot, 0);
      if (!device.trim(slot, 0)) throw new Error(`slot ${slot} could not be emptied`);
      task.cached = { gpu: 0, cpu: 0, disk: 0, remote: 0 };
      task.saved = 0;
      tiers.done();
      return;
    }
    for (const [at, { tier, facts }] of loaded.pages.entries()) {
      const from = (held + at) * BLOCK_TOKENS;
      cache.append(slot, task.job.tokens.subarray(from, from + BLOCK_TOKENS), facts.origin);
      task.cached[tier] += BLOCK_TOKENS;
    }
    tiers.finish(loaded, { held, blocks: this.#facts(task, held), isWarm: task.job.isWarm === true });
    task.saved = total;
    publish();
  }

  #facts(task: Unsaved, first: number): BlockFacts[] {
    const { cache } = this.#options;
    const blocks = cache.blocksOf(task.slot!, first);
    const now = Date.now();
    return blocks.map((block, index) => ({
      ...block,
      localHash: localHashes(block.tokens, BLOCK_TOKENS, task.job.cacheSalt)[0]!,
      ...blockRetention(task.job, first + index, block.origin, now),
    }));
  }
}

/** Every writing reads the whole slot, so the pauses between grow with it: in all that is three times what is written. */
function saveStep(saved: number): number {
  return Math.max(SAVE_BLOCKS, Math.floor(saved / 2));
}

type BlockFactsTiers = Parameters<TieredPrefix['load']>[2];
