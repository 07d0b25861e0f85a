import { LIMITS } from '../../limits.js';
import { PlainBlockIndex } from './plain-index.js';
import type { BlockIndex } from './types.js';
import { WasmBlockIndex } from './wasm-index.js';

export interface IndexOptions {
  /** Default: WebAssembly where it runs, else plain JS. Asking for `wasm` throws where it does not run. */
  implementation?: 'wasm' | 'wasm-scalar' | 'js';
  /** Bound in bytes; stores past it are refused and counted. */
  maxBytes?: number;
}

/** An empty block index with the contract of `BlockIndex`. */
export function createBlockIndex(options: IndexOptions = {}): BlockIndex {
  const { implementation, maxBytes = LIMITS.indexBytes } = options;
  if (implementation === 'js') return new PlainBlockIndex(maxBytes);
  if (implementation !== undefined) return new WasmBlockIndex(maxBytes, implementation === 'wasm');
  try {
    return new WasmBlockIndex(maxBytes);
  } catch {
    return new PlainBlockIndex(maxBytes);
  }
}
