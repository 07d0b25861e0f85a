/** Kept answers as files, one each: versioned, readable by this user alone, bounded in number and bytes. */
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, unlinkSync } from 'node:fs';
import { rename, unlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { KeptResponse } from '../dialects/types.js';
import { LIMITS } from '../limits.js';

const VERSION = 1;
const SUFFIX = '.json';
/** Ids come from clients; only ours may become part of a path. */
const ID = /^resp_[0-9a-f]{32}$/;

export interface OwnedResponse {
  owner: string;
  kept: KeptResponse;
}

export interface FileBounds {
  countMax: number;
  bytesMax: number;
}

const BOUNDS: FileBounds = { countMax: LIMITS.keptFiles, bytesMax: LIMITS.keptFilesBytes };

export class ResponseFiles {
  readonly #dir: string;
  readonly #bounds: FileBounds;
  /** Bytes by id, oldest first. */
  readonly #files = new Map<string, number>();
  #bytes = 0;

  /** Makes the folder where it is missing. Throws what the file system says. */
  constructor(dir: string, bounds: FileBounds = BOUNDS) {
    this.#dir = dir;
    this.#bounds = bounds;
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    this.#scan();
  }

  has(id: string): boolean {
    return this.#files.has(id);
  }

  /**
   * Waits for the disk: it is asked once per conversation after a restart, by code that cannot wait any other way.
   * Throws for a file that is no kept answer, which is removed, and for one of another version, which is set aside under
   * the name of its version: who goes back to that version finds it.
   */
  read(id: string): OwnedResponse | undefined {
    if (!this.#files.has(id)) return undefined;
    try {
      const { version, owner, kept } = JSON.parse(readFileSync(this.#fileOf(id), 'utf8'));
      if (version !== VERSION) return this.#setAside(id, version);
      if (typeof owner !== 'string' || !isKept(kept, id)) throw new Error('it is no kept answer');
      return { owner, kept };
    } catch (error) {
      this.#forget(id);
      removeNow(this.#fileOf(id));
      throw error;
    }
  }

  /** Whole or not at all, whenever the process ends. Rejects when the disk does not take it. */
  async write({ owner, kept }: OwnedResponse): Promise<void> {
    const { id } = kept;
    if (!ID.test(id)) return;
    const text = Buffer.from(JSON.stringify({ version: VERSION, owner, kept }));
    if (text.length > LIMITS.keptFileBytes) return;
    const part = `${this.#fileOf(id)}.part`;
    await writeFile(part, text, { mode: 0o600 });
    await rename(part, this.#fileOf(id));
    this.#forget(id);
    this.#files.set(id, text.length);
    this.#bytes += text.length;
    for (const oldest of [...this.#files.keys()]) {
      if (this.#files.size <= this.#bounds.countMax && this.#bytes <= this.#bounds.bytesMax) break;
      await this.remove(oldest);
    }
  }

  async remove(id: string): Promise<void> {
    if (!this.#files.has(id)) return;
    this.#forget(id);
    await unlink(this.#fileOf(id)).catch(() => {});
  }

  #scan(): void {
    const found: { id: string; bytes: number; at: number }[] = [];
    for (const name of readdirSync(this.#dir)) {
      const file = path.join(this.#dir, name);
      // What a process that was killed had not finished.
      if (name.endsWith('.part')) removeNow(file);
      const id = name.slice(0, -SUFFIX.length);
      if (!name.endsWith(SUFFIX) || !ID.test(id)) continue;
      const { size: bytes, mtimeMs: at } = statSync(file);
      found.push({ id, bytes, at });
    }
    for (const { id, bytes } of found.sort((one, other) => one.at - other.at)) {
      this.#files.set(id, bytes);
      this.#bytes += bytes;
    }
  }

  #setAside(id: string, version: unknown): never {
    const aside = `${this.#fileOf(id)}.v${String(version).replace(/\W/g, '').slice(0, 20)}`;
    renameSync(this.#fileOf(id), aside);
    throw new Error(`it is of version ${JSON.stringify(version)}, not ${VERSION}; set aside as ${aside}`);
  }

  #forget(id: string): void {
    this.#bytes -= this.#files.get(id) ?? 0;
    this.#files.delete(id);
  }

  #fileOf(id: string): string {
    return path.join(this.#dir, id + SUFFIX);
  }
}

function isKept(value: unknown, id: string): value is KeptResponse {
  if (typeof value !== 'object' || value === null) return false;
  const { id: own, response, inputItems, messages } = value as Partial<KeptResponse>;
  return own === id && typeof response === 'object' && Array.isArray(inputItems) && Array.isArray(messages);
}

function removeNow(file: string): void {
  try {
    unlinkSync(file);
  } catch {
    // Gone already, or not ours to remove.
  }
}
