/** The block index in WebAssembly; its structure is described in README.md. */
import { TIERS, type Tier } from '../types.js';
import { INDEX_SCALAR_WASM, INDEX_SIMD_WASM } from './index.generated.js';
import { Lanes } from './lanes.js';
import type { BlockIndex, HeldBlock, IndexStats, Lane } from './types.js';

/** Hashes per call: the module's buffers, of blocks and of a query. */
const SLICE = 1_024;
const QUERY_SLICE = 4_096;
/** Blocks looked up before the rest is copied: where strangers' prompts part, most lookups end. */
const FIRST = 1;
const LAST = 2;
/** `match` wants the next slice. */
const MORE = -1;
/** Memory of one block in a long chain, as measured. */
const BYTES_PER_BLOCK = 20;
/** The most memory touched ahead for one lane: it takes the time of a page fault per 4 KiB. */
const TOUCH_BYTES_MAX = 256 * 1024 * 1024;

interface Exports {
  memory: WebAssembly.Memory;
  queryAt(): number;
  engineAt(): number;
  localAt(): number;
  outAt(): number;
  open(maxBytes: number): number;
  touch(bytes: number): void;
  match(at: number, count: number, flags: number): number;
  put(sub: number, count: number, flags: number): number;
  remove(sub: number, count: number, flags: number): number;
  clear(sub: number): void;
  blocks(): number;
  bytes(): number;
  dumpBegin(sub: number): void;
  dump(): number;
}

/** Buffers of the module. They die when its memory grows, and are made again. */
interface Views {
  query: BigUint64Array;
  /** Word 0 is the parent. */
  engine: BigUint64Array;
  local: BigUint64Array;
  out: Uint32Array;
  depths: Uint32Array;
}

/** Throws where WebAssembly is not available. `isSimd: false` asks for the build without SIMD. */
export class WasmBlockIndex implements BlockIndex {
  readonly #wasm: Exports;
  readonly #lanes = new Lanes();
  #views: Views;
  #orphans = 0;
  #refused = 0;

  constructor(maxBytes: number, isSimd = true) {
    this.#wasm = new WebAssembly.Instance(moduleOf(isSimd)).exports as unknown as Exports;
    if (this.#wasm.open(maxBytes) === 0)
      throw new RangeError(`${maxBytes} bytes are too few for a block index`);
    this.#views = viewsOf(this.#wasm);
  }

  addLane(blocks: number): Lane {
    const lane = this.#lanes.take();
    this.#wasm.touch(Math.min(Math.max(0, blocks) * BYTES_PER_BLOCK, TOUCH_BYTES_MAX));
    this.#refresh();
    return lane;
  }

  dropLane(lane: Lane): void {
    this.clear(lane);
    this.#lanes.free(lane);
  }

  store(
    lane: Lane,
    tier: Tier,
    parent: bigint,
    engineHashes: BigUint64Array,
    localHashes: BigUint64Array,
  ): boolean {
    if (!this.#lanes.has(lane)) return false;
    const sub = subOf(lane, tier);
    const count = Math.min(engineHashes.length, localHashes.length);
    this.#views.engine[0] = parent;
    let at = 0;
    do {
      const size = Math.min(SLICE, count - at);
      this.#views.engine.set(part(engineHashes, at, size), 1);
      this.#views.local.set(part(localHashes, at, size));
      const flags = (at === 0 ? FIRST : 0) | (at + size === count ? LAST : 0);
      const result = this.#wasm.put(sub, size, flags);
      this.#refresh();
      if (result !== 1) return this.#dropped(result);
      at += size;
    } while (at < count);
    return true;
  }

  remove(lane: Lane, tier: Tier, engineHashes: BigUint64Array): number {
    const sub = subOf(lane, tier);
    const count = engineHashes.length;
    let known = 0;
    for (let at = 0; at < count; at += SLICE) {
      const size = Math.min(SLICE, count - at);
      this.#views.engine.set(part(engineHashes, at, size), 1);
      known += this.#wasm.remove(sub, size, (at === 0 ? FIRST : 0) | (at + size === count ? LAST : 0));
      this.#refresh();
    }
    return known;
  }

  clear(lane: Lane, tier?: Tier): void {
    for (const name of tier === undefined ? TIERS : [tier]) this.#wasm.clear(subOf(lane, name));
  }

  match(localHashes: BigUint64Array): number {
    const count = localHashes.length;
    let best: number;
    if (count <= QUERY_SLICE) {
      this.#views.query.set(localHashes);
      best = this.#wasm.match(0, count, FIRST | LAST);
    } else best = this.#matchLong(localHashes);
    this.#refresh();
    return best;
  }

  #matchLong(localHashes: BigUint64Array): number {
    const { query } = this.#views;
    const count = localHashes.length;
    let best = MORE;
    for (let at = 0; best === MORE; at += QUERY_SLICE) {
      const size = Math.min(QUERY_SLICE, count - at);
      query.set(localHashes.subarray(at, at + size));
      best = this.#wasm.match(0, size, (at === 0 ? FIRST : 0) | (at + size === count ? LAST : 0));
    }
    return best;
  }

  get answer(): Uint32Array {
    return this.#views.out;
  }

  stats(): IndexStats {
    return {
      blocks: this.#wasm.blocks(),
      bytes: this.#wasm.bytes(),
      orphans: this.#orphans,
      refused: this.#refused,
    };
  }

  dump(lane: Lane, limit = 10_000): HeldBlock[] {
    const held: HeldBlock[] = [];
    for (const tier of TIERS) {
      this.#wasm.dumpBegin(subOf(lane, tier));
      for (let count = this.#wasm.dump(); count > 0; count = this.#wasm.dump()) {
        for (let i = 0; i < count && held.length < limit; i++) held.push(this.#dumped(tier, i));
        if (held.length === limit) return held;
      }
    }
    return held;
  }

  #dumped(tier: Tier, at: number): HeldBlock {
    const { local, engine, depths } = this.#views;
    return { tier, localHash: hex(local[at]!), engineHash: hex(engine[at + 1]!), depth: depths[at]! };
  }

  #dropped(result: number): boolean {
    if (result === 0) this.#orphans += 1;
    else this.#refused += 1;
    return false;
  }

  #refresh(): void {
    if (this.#views.out.length === 0) this.#views = viewsOf(this.#wasm);
  }
}

/** Compiled once per build and process. */
const modules = new Map<boolean, WebAssembly.Module>();

function moduleOf(isSimd: boolean): WebAssembly.Module {
  let module = modules.get(isSimd);
  if (module === undefined) {
    const simd = Buffer.from(INDEX_SIMD_WASM, 'base64');
    const isUsable = isSimd && WebAssembly.validate(simd);
    module = new WebAssembly.Module(isUsable ? simd : Buffer.from(INDEX_SCALAR_WASM, 'base64'));
    modules.set(isSimd, module);
  }
  return module;
}

function viewsOf(wasm: Exports): Views {
  const { buffer } = wasm.memory;
  return {
    query: new BigUint64Array(buffer, wasm.queryAt(), QUERY_SLICE),
    engine: new BigUint64Array(buffer, wasm.engineAt(), SLICE + 1),
    local: new BigUint64Array(buffer, wasm.localAt(), SLICE),
    out: new Uint32Array(buffer, wasm.outAt(), 256),
    depths: new Uint32Array(buffer, wasm.queryAt(), SLICE),
  };
}

/** The array itself where it is short: a view of it costs more than copying. */
function part(hashes: BigUint64Array, at: number, size: number): BigUint64Array {
  return size === hashes.length ? hashes : hashes.subarray(at, at + size);
}

function subOf(lane: Lane, tier: Tier): number {
  return lane * 4 + (tier === 'gpu' ? 0 : TIERS.indexOf(tier));
}

function hex(hash: bigint): string {
  return hash.toString(16).padStart(16, '0');
}
