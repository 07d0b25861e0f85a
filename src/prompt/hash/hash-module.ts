/** The block hasher in WebAssembly, and the same in plain JS where WebAssembly is missing. */

import { XXH3_WASM } from './xxh3.generated.js';
import { hashPair, xxh3 } from './xxh3.js';

export interface Hasher {
  /** Local hashes of all full blocks of `tokens`; `blockTokens` is 1 to 1024. */
  blocks(tokens: Uint32Array, blockTokens: number, seed: bigint): BigUint64Array;
  /** Sequence hashes of a chain of local hashes. */
  chain(local: BigUint64Array, seed: bigint): BigUint64Array;
}

interface Exports {
  memory: WebAssembly.Memory;
  inputAt(): number;
  outputAt(): number;
  inputBytes(): number;
  outputBytes(): number;
  hashBlocks(blocks: number, bytes: number, seed: bigint): void;
  chain(count: number, before: bigint, isFirst: number, seed: bigint): bigint;
}

/** Hasher of this process: WebAssembly, or plain JS when it cannot be compiled here. */
export function createHasher(): Hasher {
  try {
    return wasmHasher();
  } catch {
    return plainHasher();
  }
}

/** Throws where WebAssembly is not available. */
export function wasmHasher(): Hasher {
  const module = new WebAssembly.Module(Buffer.from(XXH3_WASM, 'base64'));
  const wasm = new WebAssembly.Instance(module).exports as unknown as Exports;
  // The module's memory never grows, so views stay valid.
  const { buffer } = wasm.memory;
  const tokensIn = new Uint32Array(buffer, wasm.inputAt(), wasm.inputBytes() / 4);
  const wordsIn = new BigUint64Array(buffer, wasm.inputAt(), wasm.inputBytes() / 8);
  const wordsOut = new BigUint64Array(buffer, wasm.outputAt(), wasm.outputBytes() / 8);

  const blocks: Hasher['blocks'] = (tokens, blockTokens, seed) => {
    const count = Math.floor(tokens.length / blockTokens);
    const hashes = new BigUint64Array(count);
    const batch = Math.min(wordsOut.length, Math.floor(tokensIn.length / blockTokens));
    for (let at = 0; at < count; at += batch) {
      const size = Math.min(batch, count - at);
      tokensIn.set(tokens.subarray(at * blockTokens, (at + size) * blockTokens));
      wasm.hashBlocks(size, blockTokens * 4, seed);
      hashes.set(wordsOut.subarray(0, size), at);
    }
    return hashes;
  };

  const chain: Hasher['chain'] = (local, seed) => {
    const hashes = new BigUint64Array(local.length);
    let before = 0n;
    for (let at = 0; at < local.length; at += wordsOut.length) {
      const part = local.subarray(at, at + wordsOut.length);
      wordsIn.set(part);
      before = wasm.chain(part.length, before, at === 0 ? 1 : 0, seed);
      hashes.set(wordsOut.subarray(0, part.length), at);
    }
    return hashes;
  };
  return { blocks, chain };
}

/** Same results without WebAssembly, about 200 times slower. */
export function plainHasher(): Hasher {
  const blocks: Hasher['blocks'] = (tokens, blockTokens, seed) => {
    const hashes = new BigUint64Array(Math.floor(tokens.length / blockTokens));
    const bytes = new DataView(new ArrayBuffer(blockTokens * 4));
    for (let block = 0; block < hashes.length; block++) {
      for (let i = 0; i < blockTokens; i++) bytes.setUint32(i * 4, tokens[block * blockTokens + i]!, true);
      hashes[block] = xxh3(new Uint8Array(bytes.buffer), seed);
    }
    return hashes;
  };

  const chain: Hasher['chain'] = (local, seed) => {
    const hashes = local.slice();
    for (let i = 1; i < hashes.length; i++) hashes[i] = hashPair(hashes[i - 1]!, local[i]!, 16, seed);
    return hashes;
  };
  return { blocks, chain };
}
