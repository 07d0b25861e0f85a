/** Opens the embedded engine's core: the library, one model, its KV memory and the batcher that owns them. */
import { DynamoError } from '../../../errors.js';
import { loadModelFacts } from '../../../model/facts.js';
import type {
  CoreHandle,
  CoreInfo,
  CoreJob,
  CoreKvEvent,
  CoreOptions,
  CoreStats,
  EngineCore,
} from '../types.js';
import { Batcher } from './batcher.js';
import { BLOCK_TOKENS, type ChainFacts } from './block-hash.js';
import { LlamaDevice } from './llama-device.js';
import { openTiers } from './open-tiers.js';
import { SlotCache } from './slot-cache.js';
import { parseState } from './state-layout.js';
import type { TieredPrefix } from './tiered-prefix.js';

/** f16 keys and values: every other type is slower here (q8_0 3 ×), see `kvType` in the block hashes. */
const KV_TYPE = 'f16';
const SLOTS_MAX = 256;

/**
 * Rejects with `engine_missing` (no library for this platform, or not one we know), `model_missing`,
 * `model_invalid`, or `start_failed` (no memory). Takes about 0.4 s; the event loop stays free.
 */
export async function createCore(options: CoreOptions): Promise<LlamaCore> {
  requireOptions(options);
  const facts = await loadModelFacts(options.modelPath);
  const device = await LlamaDevice.open(options);
  // The first call reads the weights in; paid here rather than by the first request.
  await device.decode(0, Uint32Array.of(0), 0, true);
  const { shape } = parseState(await device.readState(0));
  device.trim(0, 0);
  const chain = {
    modelSha256: options.modelSha256,
    libraryVersion: device.version,
    kvType: KV_TYPE,
    rope: device.rope,
  };
  const tiers = options.tiers === undefined ? null : await openTiers(options.tiers, chain, shape);
  const info = {
    engine: 'llama.cpp',
    libraryVersion: device.version,
    modelSha256: options.modelSha256,
    contextTokens: options.contextTokens,
    blockTokens: BLOCK_TOKENS,
    blocksTotal: options.slots * Math.floor(options.contextTokens / BLOCK_TOKENS),
    slots: options.slots,
    vocabTokens: device.vocabulary.size,
    kvBytesPerToken: facts.kvBytesPerToken,
  };
  return new LlamaCore(device, info, chain, tiers);
}

export class LlamaCore implements EngineCore {
  readonly info: CoreInfo;
  readonly #device: LlamaDevice;
  readonly #cache: SlotCache;
  readonly #batcher: Batcher;
  readonly #tiers: TieredPrefix | null;
  #closing: Promise<void> | null = null;

  constructor(device: LlamaDevice, info: CoreInfo, facts: ChainFacts, tiers: TieredPrefix | null) {
    this.info = info;
    this.#device = device;
    this.#tiers = tiers;
    const { slots, contextTokens, vocabTokens } = info;
    this.#cache = new SlotCache({ slots, contextTokens, facts });
    this.#batcher = new Batcher({ device, cache: this.#cache, contextTokens, vocabTokens, tiers });
  }

  tokenize(text: string, options: { addSpecial: boolean; parseSpecial: boolean }): Uint32Array {
    this.#requireOpen();
    return this.#device.vocabulary.tokenize(text, options);
  }

  piece(token: number, options: { special: boolean }): Uint8Array {
    this.#requireOpen();
    return this.#device.vocabulary.piece(token, options);
  }

  isEndOfGeneration(token: number): boolean {
    this.#requireOpen();
    return this.#device.isEndOfGeneration(token);
  }

  submit(job: CoreJob): CoreHandle {
    return this.#batcher.submit(job);
  }

  onKvEvents(listener: (events: CoreKvEvent[]) => void): void {
    this.#batcher.listen(listener);
  }

  clearCache(): void {
    this.#requireOpen();
    this.#batcher.clear();
  }

  stats(): CoreStats {
    const { running, waiting, counters } = this.#batcher;
    const { blocksTotal } = this.info;
    const { promptTokens, cachedTokens, generatedTokens } = counters;
    const tokens = {
      promptTokens,
      cachedTokens,
      generatedTokens,
      cachedByTier: { ...counters.cachedByTier },
    };
    return { running, waiting, blocksUsed: this.#cache.blocksUsed, blocksTotal, ...tokens };
  }

  /** What pages of this core are, null without tiers. */
  get pages(): { namespace: string; pageBytes: number; pageTokens: number } | null {
    return this.#tiers === null ? null : this.#tiers.pages;
  }

  /** Hashes of all blocks held, in no order: what a listener that missed nothing believes. */
  cachedBlocks(): bigint[] {
    return this.#cache.hashes();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#batcher.close();
    await this.#tiers?.close();
    this.#device.free();
  }

  /** The library would read freed memory. */
  #requireOpen(): void {
    if (this.#closing !== null) throw new DynamoError('draining');
  }
}

function requireOptions({ slots, contextTokens }: CoreOptions): void {
  const isWhole = (value: number, max: number): boolean =>
    Number.isInteger(value) && value >= 1 && value <= max;
  if (!isWhole(slots, SLOTS_MAX))
    throw usage(`slots must be a whole number from 1 to ${SLOTS_MAX}, not ${slots}`);
  if (!isWhole(contextTokens, 2 ** 30))
    throw usage(`the context must be a whole number of tokens, not ${contextTokens}`);
}

function usage(detail: string): DynamoError {
  return new DynamoError('usage', { detail, remedy: 'Correct the recipe or the --set value.' });
}
