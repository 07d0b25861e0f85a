/** The events of one batch in their order; removals that follow each other become one. */

import { eventOf, type KvEvent, type RemovedEvent } from './kv-event.js';
import { readFields } from './kv-event-fields.js';
import type { MsgpackReader } from './msgpack-reader.js';

/** The bytes of a removal of one block, and of its hash in them. */
interface Told {
  from: number;
  to: number;
  hashFrom: number;
  hashTo: number;
}

export class EventList {
  readonly events: KvEvent[] = [];
  /** As how many events these came. */
  told = 0;
  /** Events of a known type that could not be read. */
  unreadable = 0;
  readonly #reader: MsgpackReader;
  /** Removals not yet complete: their hashes follow each other in the pool, from `#first` on. */
  #removals: RemovedEvent | null = null;
  #first = 0;
  #last: Told | null = null;

  /** Reads the list that comes next. */
  constructor(reader: MsgpackReader) {
    this.#reader = reader;
    for (let left = reader.listSize(); left > 0; left--) if (!this.#readLikeLast()) this.#read();
    this.#complete(this.#reader.pool.used);
  }

  #read(): void {
    const reader = this.#reader;
    const from = reader.at;
    const start = reader.pool.used;
    try {
      const event = eventOf(readFields(reader), reader.pool, start);
      this.told += 1;
      if (event.type === 'removed') this.#removed(event, from, start);
      else {
        this.#complete(start);
        this.events.push(event);
      }
    } catch {
      this.unreadable += 1;
      reader.pool.used = start;
      reader.at = from;
      reader.skip();
    }
  }

  #removed(event: RemovedEvent, from: number, start: number): void {
    const { at: to, hashFrom, hashTo } = this.#reader;
    this.#last = this.#reader.pool.used === start + 1 ? { from, to, hashFrom, hashTo } : null;
    const before = this.#removals;
    if (before !== null && before.medium === event.medium && before.group === event.group) {
      before.told += 1;
      return;
    }
    this.#complete(start);
    this.events.push(event);
    this.#removals = event;
    this.#first = start;
  }

  /** vLLM tells each removed block by itself, in the same bytes but for its hash: those are not read field by field. */
  #readLikeLast(): boolean {
    if (this.#removals === null || this.#last === null) return false;
    const reader = this.#reader;
    const { from, to, hashFrom, hashTo } = this.#last;
    if (!reader.isLike(from, to, hashFrom, hashTo)) return false;
    const shift = reader.at - from;
    reader.at = hashFrom + shift;
    reader.addHash(reader.pool);
    reader.at = to + shift;
    this.#removals.told += 1;
    this.told += 1;
    return true;
  }

  #complete(end: number): void {
    if (this.#removals !== null) this.#removals.hashes = this.#reader.pool.view(this.#first, end);
    this.#removals = null;
  }
}
