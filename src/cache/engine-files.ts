/**
 * A folder in which engines keep KV files and never remove one: kept within its quota from outside. Files only, the longest unwritten
 * first: an engine that misses one computes it again, but loses a write when its folder goes. What was written just now stays, because
 * somebody may be reading it.
 */
import { readdir, stat, unlink } from 'node:fs/promises';
import path from 'node:path';

export interface EngineFilesOptions {
  dir: string;
  bytesMax: number;
  /** Unix milliseconds. */
  now?: () => number;
}

export interface EngineFilesFigures {
  bytes: number;
  files: number;
  /** Since the start. */
  evicted: number;
}

interface Found {
  file: string;
  bytes: number;
  writtenAt: number;
}

const SUFFIX = '.bin';
/** Longer than any read takes. */
const SETTLED_MS = 60_000;
/** So much is left after a sweep, so that the next is not due at once. */
const AFTER_SWEEP = 0.95;
/** Files of a folder looked at at once. */
const AT_ONCE = 64;

export class EngineFiles {
  readonly #options: EngineFilesOptions;
  readonly #now: () => number;
  #evicted = 0;

  constructor(options: EngineFilesOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /** Looks through the folder and removes what is too much. Rejects with what the file system says. */
  async sweep(): Promise<EngineFilesFigures> {
    const found = await this.#find(this.#options.dir);
    let bytes = found.reduce((sum, one) => sum + one.bytes, 0);
    let files = found.length;
    if (bytes > this.#options.bytesMax) {
      const settled = this.#now() - SETTLED_MS;
      const oldest = found.filter(({ writtenAt }) => writtenAt < settled);
      oldest.sort((a, b) => a.writtenAt - b.writtenAt);
      for (const one of oldest) {
        if (bytes <= AFTER_SWEEP * this.#options.bytesMax) break;
        // An engine removes damaged files by itself.
        await unlink(one.file).catch((error: NodeJS.ErrnoException) => {
          if (error.code !== 'ENOENT') throw error;
        });
        bytes -= one.bytes;
        files -= 1;
        this.#evicted += 1;
      }
    }
    return { bytes, files, evicted: this.#evicted };
  }

  async #find(dir: string): Promise<Found[]> {
    const entries = await readdir(dir, { withFileTypes: true });
    const found: Found[] = [];
    const names = entries.filter((entry) => entry.isFile() && entry.name.endsWith(SUFFIX));
    for (let at = 0; at < names.length; at += AT_ONCE) {
      const some = names.slice(at, at + AT_ONCE).map(({ name }) => this.#look(path.join(dir, name)));
      found.push(...(await Promise.all(some)).flatMap((one) => one ?? []));
    }
    for (const entry of entries)
      if (entry.isDirectory()) found.push(...(await this.#find(path.join(dir, entry.name))));
    return found;
  }

  /** Null for one that has just gone. */
  async #look(file: string): Promise<Found | null> {
    const facts = await stat(file).catch(() => null);
    return facts === null ? null : { file, bytes: facts.size, writtenAt: facts.mtimeMs };
  }
}
