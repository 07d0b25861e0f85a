/**
 * What each worker is computing right now, so that others wait for its pages instead of computing beside it. A worker
 * writes one small file of its own, atomically; the others read it. A claim of a process that is gone is nobody's.
 *
 * `{owner, pid, claims: [{since, keys: ["16 digits", …]}]}`; of two claims on one page the older counts, then the lower owner.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { isRunning } from '../is-running.js';
import { keyText } from './page-format.js';

interface ClaimFile {
  /** Unlike in every worker. */
  owner: string;
  pid: number;
  claims: { since: number; keys: string[] }[];
}

/** Claim files are read again after this many milliseconds. */
const FRESH_MS = 5;

export class Claims {
  readonly #dir: string;
  readonly #file: string;
  readonly #own = new Map<number, { since: number; keys: string[] }>();
  readonly #now: () => number;
  readonly #owner = randomBytes(6).toString('hex');
  #others = new Map<string, { since: number; owner: string }>();
  #readAt = Number.NEGATIVE_INFINITY;

  constructor(dir: string, now: () => number = Date.now) {
    this.#dir = path.join(dir, 'claims');
    mkdirSync(this.#dir, { recursive: true, mode: 0o700 });
    this.#file = path.join(this.#dir, `${this.#owner}.json`);
    this.#now = now;
  }

  /** Job `id` is about to compute these pages. */
  claim(id: number, keys: readonly bigint[]): void {
    this.#own.set(id, { since: this.#now(), keys: keys.map(keyText) });
    this.#publish();
  }

  /** Job `id` has computed them, or given up. */
  release(id: number): void {
    if (this.#own.delete(id)) this.#publish();
  }

  /** Whether another worker is computing this page and was first. `id` = our own job that wants it. */
  isElsewhere(key: bigint, id: number): boolean {
    this.#refresh();
    const other = this.#others.get(keyText(key));
    if (other === undefined) return false;
    const own = this.#own.get(id);
    return (
      own === undefined || other.since < own.since || (other.since === own.since && other.owner < this.#owner)
    );
  }

  close(): void {
    rmSync(this.#file, { force: true });
  }

  #publish(): void {
    const content: ClaimFile = { owner: this.#owner, pid: process.pid, claims: [...this.#own.values()] };
    try {
      if (this.#own.size === 0) {
        rmSync(this.#file, { force: true });
        return;
      }
      const temporary = `${this.#file}.tmp`;
      writeFileSync(temporary, JSON.stringify(content), { mode: 0o600 });
      renameSync(temporary, this.#file);
    } catch {
      // Without claims two workers may compute the same prefix: slower, never wrong.
    }
  }

  #refresh(): void {
    const now = this.#now();
    if (now - this.#readAt < FRESH_MS) return;
    this.#readAt = now;
    this.#others = new Map();
    for (const file of this.#files()) {
      const content = readClaims(path.join(this.#dir, file));
      if (content === null || content.owner === this.#owner) continue;
      for (const { since, keys } of content.claims) {
        for (const key of keys) this.#others.set(key, { since, owner: content.owner });
      }
    }
  }

  #files(): string[] {
    try {
      return readdirSync(this.#dir).filter((name) => name.endsWith('.json'));
    } catch {
      return [];
    }
  }
}

function readClaims(file: string): ClaimFile | null {
  try {
    const content = JSON.parse(readFileSync(file, 'utf8')) as ClaimFile;
    if (isRunning(content.pid)) return content;
    rmSync(file, { force: true });
    return null;
  } catch {
    return null;
  }
}
