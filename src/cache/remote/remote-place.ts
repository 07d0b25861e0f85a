/** Pages in a remote store. What is there is known from listings and our own writes: asking for each would take long. */
import { LIMITS } from '../../limits.js';
import { crcOf, decodeHead, encodeHead, factsOf, HEAD_BYTES } from '../page-format.js';
import type { Page, PageFacts, PagePlace, ReadMiss } from '../types.js';
import { namedFacts, objectName } from './object-name.js';
import type { RemoteStore } from './types.js';

/** Other workers' and machines' pages are learned of this often. */
const LIST_MS = 10_000;

export class RemotePlace implements PagePlace {
  readonly tier = 'remote';
  readonly #store: RemoteStore;
  readonly #namespace: string;
  readonly #names = new Map<bigint, string>();
  readonly #onFault: (message: string | null) => void;
  #timer: NodeJS.Timeout | undefined;
  #listing: Promise<void> | null = null;
  #isFaulty = false;

  constructor(store: RemoteStore, namespace: string, onFault: (message: string | null) => void) {
    this.#store = store;
    this.#namespace = namespace;
    this.#onFault = onFault;
  }

  /** Lists now and from time to time; a store that does not answer is told and asked again. */
  watch(): void {
    void this.refresh();
    this.#timer = setInterval(() => void this.refresh(), LIST_MS);
    this.#timer.unref();
  }

  /** Learns what is there. Never rejects. */
  refresh(): Promise<void> {
    this.#listing ??= this.#list().finally(() => {
      this.#listing = null;
    });
    return this.#listing;
  }

  has(key: bigint): boolean {
    return this.#names.has(key);
  }

  async read(key: bigint, views: readonly Uint8Array[]): Promise<PageFacts | ReadMiss> {
    const name = this.#names.get(key);
    const bytes = name === undefined ? null : await this.#store.get(name);
    if (bytes === null) {
      this.#names.delete(key);
      return 'absent';
    }
    const facts = decodeHead(bytes, this.#namespace);
    const payload = bytes.subarray(HEAD_BYTES);
    const wanted = views.reduce((sum, view) => sum + view.length, 0);
    const isWhole = facts !== null && facts.key === key && payload.length === wanted;
    if (!isWhole || facts.payloadCrc !== crcOf([payload])) return 'corrupt';
    let at = 0;
    for (const view of views) {
      view.set(payload.subarray(at, at + view.length));
      at += view.length;
    }
    return factsOf(facts);
  }

  async write(page: Page): Promise<boolean> {
    if (this.#names.has(page.key)) return false;
    const name = objectName(page);
    await this.#store.put(name, Buffer.concat([encodeHead(page, this.#namespace), page.payload]));
    this.#names.set(page.key, name);
    return true;
  }

  async remove(key: bigint): Promise<void> {
    const name = this.#names.get(key);
    this.#names.delete(key);
    if (name !== undefined) await this.#store.remove(name);
  }

  async *scan(): AsyncIterable<PageFacts> {
    for await (const name of this.#store.list()) {
      const facts = namedFacts(name);
      if (facts === null) continue;
      this.#names.set(facts.key, name);
      yield facts;
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#listing;
    await this.#store.close();
  }

  async #list(): Promise<void> {
    const seen = new Set<bigint>();
    try {
      for await (const { key } of this.scan()) {
        seen.add(key);
        if (seen.size >= LIMITS.remotePages) break;
      }
      for (const key of this.#names.keys())
        if (!seen.has(key) && seen.size < LIMITS.remotePages) this.#names.delete(key);
      if (this.#isFaulty) this.#onFault(null);
      this.#isFaulty = false;
    } catch (error) {
      this.#isFaulty = true;
      this.#onFault(error instanceof Error ? error.message : String(error));
    }
  }
}
