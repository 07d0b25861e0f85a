/** 64-bit hashes for nodes of a workload's prefix tree: what a real stack would get from tokens. */

/** Local hashes as the index takes them; unlike nodes never share one. */
export function localHashes(blocks: Int32Array): BigUint64Array {
  const words = new Uint32Array(blocks.length * 2);
  for (let at = 0; at < blocks.length; at++) {
    const node = (blocks[at] as number) + 1;
    // Murmur3's finalizer, a bijection: the low words alone are distinct.
    let mixed = Math.imul(node ^ (node >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    words[2 * at] = mixed ^ (mixed >>> 16);
    words[2 * at + 1] = Math.imul(node, 0x9e3779b1);
  }
  return new BigUint64Array(words.buffer);
}

/** Ids the simulated engine gives its blocks; never 0. */
export function engineHashes(blocks: Int32Array): BigUint64Array {
  const words = new Uint32Array(blocks.length * 2);
  for (let at = 0; at < blocks.length; at++) words[2 * at] = (blocks[at] as number) + 1;
  return new BigUint64Array(words.buffer);
}
