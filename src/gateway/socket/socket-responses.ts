/** Answers one connection can go on from: those kept for its sender, and its own latest, stored or not. */
import type { KeptResponse } from '../../dialects/types.js';
import { LIMITS } from '../../limits.js';
import type { KeptView } from '../kept-view.js';
import type { ResponseStore } from '../response-store.js';

/** `local` is shared by all connections, so that together they stay within one bound; `id` names this one in it. */
export class SocketResponses implements KeptView {
  readonly #shared: KeptView;
  readonly #local: ResponseStore;
  readonly #id: string;
  readonly #own = new Set<string>();

  constructor({ shared, local, id }: { shared: KeptView; local: ResponseStore; id: string }) {
    this.#shared = shared;
    this.#local = local;
    this.#id = id;
  }

  get(id: string): KeptResponse | undefined {
    return this.#local.get(id, this.#id) ?? this.#shared.get(id);
  }

  put(kept: KeptResponse): void {
    this.#shared.put(kept);
    this.#local.put(kept, this.#id);
    this.#own.add(kept.id);
    const [oldest] = this.#own;
    if (oldest !== undefined && this.#own.size > LIMITS.socketResponses) this.evict(oldest);
  }

  delete(id: string): boolean {
    this.evict(id);
    return this.#shared.delete(id);
  }

  /** Forgets it here; what is stored stays stored. */
  evict(id: string): void {
    this.#local.delete(id, this.#id);
    this.#own.delete(id);
  }

  /** The connection is closed. */
  clear(): void {
    for (const id of this.#own) this.evict(id);
  }
}
