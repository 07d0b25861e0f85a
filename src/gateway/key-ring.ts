/** The API keys of a stack: who a request is from, and how many of each are in work. */
import { timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { DynamoError } from '../errors.js';
import { type KeyPolicy, sha256 } from './key-policy.js';

const SHARE_AMONG_KEYS = 0.5;

interface Held {
  policy: KeyPolicy;
  digest: Buffer;
  running: number;
}

export class KeyRing {
  readonly #held: Held[];
  /** Who each request that was let in is from; on a WebSocket, each of its handshake's messages. */
  readonly #senders = new WeakMap<IncomingMessage, Held>();

  constructor(policies: readonly KeyPolicy[]) {
    this.#held = policies.map((policy) => ({
      policy,
      digest: Buffer.from(policy.sha256, 'hex'),
      running: 0,
    }));
  }

  /** False when anyone may come in. */
  get isNeeded(): boolean {
    return this.#held.length > 0;
  }

  /**
   * Throws `unauthorized` unless a key is right or none is needed. Bearer and `x-api-key` are alike. Compared in constant
   * time: hashes, so that not even the length of a key shows, and all of them, so that no position does.
   */
  check(request: IncomingMessage): void {
    if (!this.isNeeded) return;
    const { authorization, 'x-api-key': apiKey } = request.headers;
    const bearer = /^bearer\s+(.+)$/i.exec(authorization ?? '')?.[1]?.trim();
    let sender: Held | undefined;
    for (const key of [bearer, Array.isArray(apiKey) ? apiKey[0] : apiKey]) {
      if (key === undefined) continue;
      const asked = sha256(key);
      for (const held of this.#held) if (timingSafeEqual(asked, held.digest)) sender ??= held;
    }
    if (sender === undefined) throw new DynamoError('unauthorized');
    this.#senders.set(request, sender);
  }

  /** Of what can be kept, what this sender may be promised: half where there are other keys, unless its policy says. */
  shareOf({ cacheShare }: KeyPolicy): number {
    return cacheShare ?? (this.#held.length > 1 ? SHARE_AMONG_KEYS : 1);
  }

  /** Null where no key was needed. */
  policyOf(request: IncomingMessage): KeyPolicy | null {
    return this.#senders.get(request)?.policy ?? null;
  }

  /** Counts a request of this sender until the returned function is called. Throws `key_busy` when it has too many. */
  enter(request: IncomingMessage): () => void {
    const held = this.#senders.get(request);
    if (held === undefined) return () => {};
    const { name, requestsMax } = held.policy;
    if (requestsMax !== null && held.running >= requestsMax) {
      const error = new DynamoError('key_busy', { name, limit: requestsMax });
      error.retryAfterSeconds = 1;
      throw error;
    }
    held.running += 1;
    let isIn = true;
    return () => {
      if (isIn) held.running -= 1;
      isIn = false;
    };
  }
}
