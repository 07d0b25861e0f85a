/**
 * Bodies parsed lately. An agent sends its whole conversation again with each turn; bytes that are those of the turn
 * before are compared, at memory speed, and only what follows is parsed and kept. Bounded in number and bytes.
 */
import { randomUUID } from 'node:crypto';
import { LIMITS } from '../limits.js';
import type { BodyBytes } from './body-bytes.js';
import { elementEnds, findList, isBoundary, type ListPlace } from './body-scan.js';
import { parseJson } from './read-body.js';

interface Entry {
  /** The body and room for its next turns, which are written over what follows the last element they share. */
  store: Buffer;
  length: number;
  value: Record<string, unknown>;
  place: ListPlace;
  /** Four of its bytes, which tell most other conversations apart. */
  probe: { at: number; word: number };
}

interface Found {
  entry: Entry;
  /** Leading elements in common, at least one. */
  common: number;
}

/** How a body goes on from a remembered one. */
interface Continued {
  /** What follows the elements in common. */
  rest: Buffer;
  from: number;
  value: Record<string, unknown>;
  place: ListPlace;
}

/** Smaller bodies are parsed quicker than looked up. */
const BYTES_MIN = 4_096;
/** Before the end of an early element: in its text, where conversations differ. */
const PROBE_BYTES = 12;
/** Room for later turns in a new buffer. */
const GROWTH = 1.25;
/** A body that goes on from another one takes its place, unless more than this share of that one would be lost. */
const LOST_SHARE = 1 / 16;

export class BodyMemo {
  /** Most recently used last. */
  readonly #entries: Entry[] = [];
  #bytes = 0;
  /** Stands for the elements that are not parsed again; nobody can send it. */
  readonly #sentinel = randomUUID();

  /** Bytes of the bodies held; their parsed form takes about as much again. */
  get bytes(): number {
    return this.#bytes;
  }

  /** What `JSON.parse` gives; parts of it may be shared with earlier results and must not be changed. Throws `invalid_json`. */
  parse(body: BodyBytes): unknown {
    if (body.length < BYTES_MIN) return parseJson(body.whole());
    const found = this.#find(body);
    if (found !== null && isRepeated(found, body)) {
      this.#touch(found.entry);
      return found.entry.value;
    }
    const continued = found === null ? null : this.#continued(body, found);
    if (continued === null || found === null) return this.#parseWhole(body);
    if (lostBytes(found) <= found.entry.length * LOST_SHARE) this.#grow(found.entry, continued);
    else this.#keep(body.withRoom(GROWTH), body.length, continued);
    return continued.value;
  }

  #parseWhole(body: BodyBytes): unknown {
    const store = body.withRoom(GROWTH);
    const bytes = store.subarray(0, body.length);
    const value = parseJson(bytes);
    // Finding the elements takes about as long as parsing: not before the request is on its way.
    if (isObject(value)) setImmediate(() => this.#learn(store, bytes, value));
    return value;
  }

  #learn(store: Buffer, bytes: Buffer, value: Record<string, unknown>): void {
    const place = findList(bytes);
    const list = place === null ? undefined : value[place.key];
    if (place === null || !Array.isArray(list) || list.length !== place.ends.length || list.length === 0)
      return;
    this.#keep(store, bytes.length, { value, place });
  }

  /** The remembered body with most leading elements in common. */
  #find(body: BodyBytes): Found | null {
    let best: Found | null = null;
    for (let at = this.#entries.length - 1; at >= 0; at--) {
      const entry = this.#entries[at] as Entry;
      if (body.wordAt(entry.probe.at) !== entry.probe.word) continue;
      const common = commonElements(entry, body);
      if (common > (best?.common ?? 0)) best = { entry, common };
      if (common === entry.place.ends.length) break;
    }
    return best;
  }

  /** Null when the body must be parsed whole. */
  #continued(body: BodyBytes, { entry, common }: Found): Continued | null {
    const { place } = entry;
    const from = place.ends[common - 1] as number;
    const rest = Buffer.allocUnsafe(body.length - from);
    body.copyTo(rest, 0, from, body.length);
    // An element that goes on in the new body, as a number may, is not the same.
    if (!isBoundary(rest, 0)) return null;
    const added = elementEnds(rest, 0);
    const value = this.#value(rest, { entry, common, end: added.end });
    if (value === null) return null;
    const ends = place.ends.slice(0, common);
    for (const end of added.ends) ends.push(from + end);
    if ((value[place.key] as unknown[]).length !== ends.length) return null;
    return { rest, from, value, place: { key: place.key, start: place.start, ends, end: from + added.end } };
  }

  #value(
    rest: Buffer,
    { entry, common, end }: { entry: Entry; common: number; end: number },
  ): Record<string, unknown> | null {
    const { place, value, store, length } = entry;
    const kept = (value[place.key] as unknown[]).slice(0, common);
    try {
      if (rest.subarray(end).equals(store.subarray(place.end, length))) {
        const added = JSON.parse(`[0${rest.toString('utf8', 0, end)}]`) as unknown[];
        return { ...value, [place.key]: kept.concat(added.slice(1)) };
      }
      const head = store.toString('utf8', 0, place.start);
      const parsed = JSON.parse(`${head}"${this.#sentinel}"${rest.toString('utf8')}`) as Record<
        string,
        unknown
      >;
      const list = parsed[place.key];
      // Another list of the same name further on is the one that counts.
      if (!Array.isArray(list) || list[0] !== this.#sentinel) return null;
      return { ...parsed, [place.key]: kept.concat(list.slice(1)) };
    } catch {
      return null;
    }
  }

  /** The entry becomes the body that goes on from it: only what is new is copied. */
  #grow(entry: Entry, { rest, from, value, place }: Continued): void {
    const length = from + rest.length;
    if (length > entry.store.length) {
      const store = Buffer.allocUnsafeSlow(Math.ceil(length * GROWTH));
      entry.store.copy(store, 0, 0, from);
      this.#bytes += store.length - entry.store.length;
      entry.store = store;
    }
    rest.copy(entry.store, from);
    Object.assign(entry, { length, value, place, probe: probeOf(entry.store, place) });
    this.#touch(entry);
    this.#trim();
  }

  #touch(entry: Entry): void {
    if (this.#entries.at(-1) === entry) return;
    this.#entries.splice(this.#entries.lastIndexOf(entry), 1);
    this.#entries.push(entry);
  }

  #keep(store: Buffer, length: number, { value, place }: Pick<Entry, 'value' | 'place'>): void {
    if (store.length > LIMITS.bodyMemoBytes / 4) return;
    this.#entries.push({ store, length, value, place, probe: probeOf(store, place) });
    this.#bytes += store.length;
    this.#trim();
  }

  #trim(): void {
    while (this.#bytes > LIMITS.bodyMemoBytes || this.#entries.length > LIMITS.bodiesKept) {
      const oldest = this.#entries.shift();
      if (oldest === undefined) break;
      this.#bytes -= oldest.store.length;
    }
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isRepeated({ entry, common }: Found, body: BodyBytes): boolean {
  const { store, length, place } = entry;
  if (body.length !== length || common !== place.ends.length) return false;
  const from = place.ends[common - 1] as number;
  return body.isSame(from, length, store, from);
}

/** Bytes of elements that are not in common. */
function lostBytes({ entry: { place }, common }: Found): number {
  return (place.ends.at(-1) as number) - (place.ends[common - 1] as number);
}

function probeOf(store: Buffer, { ends }: ListPlace): Entry['probe'] {
  const at = Math.max(0, (ends[Math.min(2, ends.length - 1)] as number) - PROBE_BYTES);
  return { at, word: store.readInt32LE(at) };
}

/** Leading elements whose bytes, with all before them, are the same. */
function commonElements({ store, place }: Entry, body: BodyBytes): number {
  const { ends } = place;
  const isSame = (start: number, end: number): boolean => body.isSame(start, end, store, start);
  if (isSame(0, ends.at(-1) as number)) return ends.length;
  let low = 0;
  let high = ends.length - 1;
  let same = 0;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    const end = ends[middle - 1] as number;
    if (isSame(same, end)) {
      low = middle;
      same = end;
    } else high = middle - 1;
  }
  return low;
}
