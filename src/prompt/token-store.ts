/**
 * Tokens of a conversation that grow at their end, in one buffer with room: a next turn writes its own and copies nothing.
 * What stands after the tokens two turns have in common is the later one's; who reads a prompt's last tokens after the
 * conversation has gone on must have copied them.
 */
export interface TokenStore {
  buffer: Uint32Array<ArrayBuffer>;
  /** Tokens of the turn that was written last. */
  used: number;
}

export interface StoredTokens {
  tokens: Uint32Array;
  store: TokenStore;
}

/** Room for later turns in a new buffer. */
const GROWTH = 1.25;
/** Fewer tokens are copied for their first turn; more get their room at once. */
const ROOM_FROM = 16_384;

/** Tokens that nothing has been added to yet. */
export function stored(tokens: Uint32Array<ArrayBuffer>): StoredTokens {
  const used = tokens.length;
  if (used < ROOM_FROM) return { tokens, store: { buffer: tokens, used } };
  const buffer = new Uint32Array(Math.ceil(used * GROWTH));
  buffer.set(tokens);
  return { tokens: buffer.subarray(0, used), store: { buffer, used } };
}

/** The first `kept` tokens of `base` and `added` after them; a copy where another turn was written after `base`. */
export function withTokens(base: StoredTokens, kept: number, added: Uint32Array): StoredTokens {
  const length = kept + added.length;
  let { store } = base;
  if (store.used !== base.tokens.length || length > store.buffer.length) {
    const buffer = new Uint32Array(Math.ceil(length * GROWTH));
    buffer.set(base.tokens.subarray(0, kept));
    store = { buffer, used: 0 };
  }
  store.buffer.set(added, kept);
  store.used = length;
  return { tokens: store.buffer.subarray(0, length), store };
}

export function isEqual(a: Uint32Array, b: Uint32Array): boolean {
  return a.length === b.length && Buffer.compare(bytesOf(a), bytesOf(b)) === 0;
}

function bytesOf({ buffer, byteOffset, byteLength }: Uint32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
