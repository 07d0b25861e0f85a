/** Names prefixes: a node stands for a block and everything before it. */

const LOCALS_MAX = 2 ** 26;
const NODES_MAX = 2 ** 27 - 1;

/** One per workload. Ids are whatever a trace calls its blocks; `scope` keeps ids of unlike files apart. */
export class PrefixInterner {
  readonly #locals = new Map<string | number, number>();
  readonly #children = new Map<number, number>();
  readonly #split: number;
  readonly #join: number;

  /** `traceBlockTokens` must be a multiple of `blockTokens` or divide it. Throws RangeError when it is neither. */
  constructor(traceBlockTokens: number, blockTokens: number) {
    this.#split = traceBlockTokens / blockTokens;
    this.#join = blockTokens / traceBlockTokens;
    if (!Number.isInteger(this.#split) && !Number.isInteger(this.#join)) {
      throw new RangeError(`blocks of ${traceBlockTokens} tokens cannot be told in blocks of ${blockTokens}`);
    }
  }

  /** Nodes named so far. */
  get nodes(): number {
    return this.#children.size;
  }

  /** Nodes of the first `blocks` KV blocks of a prompt. */
  path(ids: readonly (string | number)[], blocks: number): Int32Array {
    const nodes = new Int32Array(Math.min(blocks, Math.floor(ids.length * this.#split)));
    let parent = 0;
    let written = 0;
    for (let at = 0; at < ids.length && written < nodes.length; at++) {
      const local = this.#local(ids[at] as string | number);
      if (this.#split < 1) {
        parent = this.#child(parent, local);
        if ((at + 1) % this.#join === 0) nodes[written++] = parent - 1;
        continue;
      }
      for (let part = 0; part < this.#split && written < nodes.length; part++) {
        parent = this.#child(parent, local * this.#split + part);
        nodes[written++] = parent - 1;
      }
    }
    return nodes;
  }

  #local(id: string | number): number {
    const known = this.#locals.get(id);
    if (known !== undefined) return known;
    const local = this.#locals.size;
    if ((local + 1) * Math.max(1, this.#split) > LOCALS_MAX) throw new RangeError('too many block ids');
    this.#locals.set(id, local);
    return local;
  }

  /** Nodes count from 1 here; 0 is the root. */
  #child(parent: number, local: number): number {
    const key = parent * LOCALS_MAX + local;
    const known = this.#children.get(key);
    if (known !== undefined) return known;
    const node = this.#children.size + 1;
    if (node > NODES_MAX) throw new RangeError('too many blocks');
    this.#children.set(key, node);
    return node;
  }
}
