/**
 * Bodies parsed lately. An agent sends its whole conversation again with each turn; bytes that are those of the turn
 * before are compared, at memory speed, and only what follows is parsed. Bounded in number and bytes.
 */
import { randomUUID } from 'node:crypto';
import { LIMITS } from '../limits.js';
import { elementEnds, findList, isBoundary, type ListPlace } from './body-scan.js';
import { parseJson } from './read-body.js';

interface Entry {
  bytes: Buffer;
  value: Record<string, unknown>;
  place: ListPlace;
}

/** Smaller bodies are parsed quicker than looked up. */
const BYTES_MIN = 4_096;
/** Bytes compared first, to tell conversations apart. */
const PROBE_BYTES = 48;

export class BodyMemo {
  /** Most recently used first. */
  #entries: Entry[] = [];
  #bytes = 0;
  /** Stands for the elements that are not parsed again; nobody can send it. */
  readonly #sentinel = randomUUID();

  /** Bytes of the bodies held; their parsed form takes about as much again. */
  get bytes(): number {
    return this.#bytes;
  }

  /** What `JSON.parse` gives; parts of it may be shared with earlier results and must not be changed. Throws `invalid_json`. */
  parse(bytes: Buffer): unknown {
    if (bytes.length < BYTES_MIN) return parseJson(bytes);
    const found = this.#find(bytes);
    const known = found === null ? null : this.#continued(bytes, found);
    if (known !== null && found !== null) {
      if (known !== found.entry) this.#replace(found.entry, known);
      else this.#touch(known);
      return known.value;
    }
    const value = parseJson(bytes);
    // Finding the elements takes about as long as parsing: not before the request is on its way.
    if (isObject(value)) setImmediate(() => this.#learn(bytes, value));
    return value;
  }

  #learn(bytes: Buffer, value: Record<string, unknown>): void {
    const place = findList(bytes);
    const list = place === null ? undefined : value[place.key];
    if (place === null || !Array.isArray(list) || list.length !== place.ends.length || list.length === 0)
      return;
    this.#keep({ bytes, value, place });
  }

  /** The remembered body with most leading elements in common. */
  #find(bytes: Buffer): { entry: Entry; common: number } | null {
    let best: { entry: Entry; common: number } | null = null;
    for (const entry of this.#entries) {
      const common = commonElements(entry, bytes);
      if (common > (best?.common ?? 0)) best = { entry, common };
      if (common === entry.place.ends.length) break;
    }
    return best;
  }

  /** The body that goes on from a remembered one; null when it must be parsed whole. */
  #continued(bytes: Buffer, { entry, common }: { entry: Entry; common: number }): Entry | null {
    const { place } = entry;
    const from = place.ends[common - 1] as number;
    if (bytes.length === entry.bytes.length && from === place.ends.at(-1) && isTail(entry, bytes))
      return entry;
    // An element that goes on in the new body, as a number may, is not the same.
    if (!isBoundary(bytes, from)) return null;
    const { ends, end } = elementEnds(bytes, from);
    const value = this.#value(bytes, { entry, common, from, end });
    if (value === null) return null;
    const list = value[place.key] as unknown[];
    const all = [...place.ends.slice(0, common), ...ends];
    if (list.length !== all.length) return null;
    return { bytes, value, place: { key: place.key, start: place.start, ends: all, end } };
  }

  #value(
    bytes: Buffer,
    { entry, common, from, end }: { entry: Entry; common: number; from: number; end: number },
  ): Record<string, unknown> | null {
    const { place, value } = entry;
    const kept = (value[place.key] as unknown[]).slice(0, common);
    try {
      if (isTail(entry, bytes) && end === place.end + bytes.length - entry.bytes.length) {
        const added = JSON.parse(`[0${bytes.toString('utf8', from, end)}]`) as unknown[];
        return { ...value, [place.key]: kept.concat(added.slice(1)) };
      }
      const head = bytes.toString('utf8', 0, place.start);
      const rest = bytes.toString('utf8', from);
      const parsed = JSON.parse(`${head}"${this.#sentinel}"${rest}`) as Record<string, unknown>;
      const list = parsed[place.key];
      // Another list of the same name further on is the one that counts.
      if (!Array.isArray(list) || list[0] !== this.#sentinel) return null;
      return { ...parsed, [place.key]: kept.concat(list.slice(1)) };
    } catch {
      return null;
    }
  }

  #replace(before: Entry, entry: Entry): void {
    // A body that goes on from all of another one takes its place; a fork stands beside it.
    const isWhole = entry.place.ends.length >= before.place.ends.length;
    if (isWhole) this.#drop(before);
    this.#keep(entry);
  }

  #touch(entry: Entry): void {
    if (this.#entries[0] === entry) return;
    this.#entries = [entry, ...this.#entries.filter((other) => other !== entry)];
  }

  #keep(entry: Entry): void {
    if (entry.bytes.length > LIMITS.bodyMemoBytes / 4) return;
    this.#entries = [entry, ...this.#entries];
    this.#bytes += entry.bytes.length;
    while (this.#bytes > LIMITS.bodyMemoBytes || this.#entries.length > LIMITS.bodiesKept) {
      const oldest = this.#entries.at(-1);
      if (oldest === undefined) break;
      this.#drop(oldest);
    }
  }

  #drop(entry: Entry): void {
    this.#entries = this.#entries.filter((other) => other !== entry);
    this.#bytes -= entry.bytes.length;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Leading elements whose bytes, with all before them, are the same. */
function commonElements({ bytes, place }: Entry, other: Buffer): number {
  const { ends } = place;
  const probe = ends[Math.min(2, ends.length - 1)] as number;
  if (!isSame(bytes, other, Math.max(0, probe - PROBE_BYTES), probe)) return 0;
  if (isSame(bytes, other, 0, ends.at(-1) as number)) return ends.length;
  let low = 0;
  let high = ends.length - 1;
  let same = 0;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    const end = ends[middle - 1] as number;
    if (isSame(bytes, other, same, end)) {
      low = middle;
      same = end;
    } else high = middle - 1;
  }
  return low;
}

/** The other body ends like this one does after its list. */
function isTail({ bytes, place }: Entry, other: Buffer): boolean {
  const length = bytes.length - place.end;
  return other.length >= length && bytes.compare(other, other.length - length, other.length, place.end) === 0;
}

function isSame(bytes: Buffer, other: Buffer, start: number, end: number): boolean {
  return other.length >= end && bytes.length >= end && bytes.compare(other, start, end, start, end) === 0;
}
