/**
 * Pages as files of a folder: `<dir>/<namespace>/<two digits>/<key>.page`. Written under a temporary name, then renamed, so that a
 * page is there whole or not at all; any process may read, only the catalogue removes.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { decodeManifest, encodeManifest } from './manifest.js';
import { crcOf, decodeHead, encodeHead, factsOf, HEAD_BYTES, keyText } from './page-format.js';
import { claimVersion } from './page-version.js';
import type { Page, PageFacts, PagePlace, PageTier, ReadMiss } from './types.js';

const SUFFIX = '.page';
/** Temporary files of writers that died are removed by a scan once they are this old. */
const STALE_MS = 60_000;
const MANIFEST = 'manifest';
/** Pages of one folder opened at once. */
const HEADS_AT_ONCE = 32;

export interface DirectoryOptions {
  tier: PageTier;
  dir: string;
  /** See `encodeHead`. */
  namespace: string;
  /** Write data through to the device before a page gets its name: for disks, not for memory. */
  isDurable: boolean;
}

export class DirectoryPlace implements PagePlace {
  readonly tier: PageTier;
  readonly #dir: string;
  readonly #options: DirectoryOptions;
  readonly #made = new Set<string>();
  /** Unlike in every process and place: two writers of one page must not meet in one temporary file. */
  readonly #writer = randomBytes(6).toString('hex');
  #writes = 0;

  /** Makes the folder; throws the system's error when it cannot be made, and for one of another version. */
  constructor(options: DirectoryOptions) {
    this.tier = options.tier;
    this.#options = options;
    this.#dir = path.join(options.dir, options.namespace);
    mkdirSync(this.#dir, { recursive: true, mode: 0o700 });
    claimVersion(this.#dir);
  }

  has(key: bigint): boolean {
    return existsSync(this.#path(key));
  }

  async read(key: bigint, views: readonly Uint8Array[]): Promise<PageFacts | ReadMiss> {
    const file = await open(this.#path(key)).catch((error: NodeJS.ErrnoException) => error);
    if (file instanceof Error) return file.code === 'ENOENT' ? 'absent' : 'failed';
    try {
      const head = Buffer.allocUnsafe(HEAD_BYTES);
      const wanted = views.reduce((sum, view) => sum + view.length, 0);
      const { bytesRead } = await file.readv([head, ...views], 0);
      const facts = decodeHead(head, this.#options.namespace);
      const isWhole = facts !== null && facts.key === key && facts.payloadBytes === wanted;
      if (!isWhole || bytesRead !== HEAD_BYTES + wanted || facts.payloadCrc !== crcOf(views))
        return 'corrupt';
      return factsOf(facts);
    } catch {
      return 'failed';
    } finally {
      await file.close();
    }
  }

  async write(page: Page): Promise<boolean> {
    const target = this.#path(page.key);
    if (existsSync(target)) return false;
    await this.#makeFolder(path.dirname(target));
    const temporary = `${target}.${this.#writer}-${this.#writes++}.tmp`;
    try {
      const file = await open(temporary, 'wx', 0o600);
      try {
        await file.writev([encodeHead(page, this.#options.namespace), page.payload], 0);
        if (this.#options.isDurable) await file.datasync();
      } finally {
        await file.close();
      }
      await rename(temporary, target);
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => {});
      // The catalogue removes empty folders too; the next write makes it again.
      this.#made.delete(path.dirname(target));
      throw error;
    }
    return true;
  }

  async remove(key: bigint): Promise<void> {
    await rm(this.#path(key), { force: true });
  }

  /**
   * Every page by its file's name; of those the manifest does not know the head is read. A file that is none of ours is passed over,
   * an old temporary one removed.
   */
  async *scan(): AsyncIterable<PageFacts> {
    const known = await this.#manifest();
    for (const folder of await readdir(this.#dir)) {
      const names = await readdir(path.join(this.#dir, folder)).catch(() => []);
      const unknown: string[] = [];
      for (const name of names) {
        const key = keyOf(name);
        const facts = key === null ? undefined : known.get(key);
        if (facts !== undefined) yield facts;
        else if (key !== null) unknown.push(name);
        else if (name.endsWith('.tmp')) await removeStale(path.join(this.#dir, folder, name));
      }
      while (unknown.length > 0) {
        const some = unknown.splice(0, HEADS_AT_ONCE);
        const read = await Promise.all(some.map((name) => this.#facts(path.join(this.#dir, folder, name))));
        for (const [at, facts] of read.entries())
          if (facts !== null && facts.key === keyOf(some[at]!)) yield facts;
      }
    }
  }

  /** Writes the manifest; what it says of a page is taken over by the next scan while the page is there. */
  async remember(pages: readonly PageFacts[]): Promise<void> {
    const file = path.join(this.#dir, MANIFEST);
    const temporary = `${file}.${this.#writer}-${this.#writes++}`;
    try {
      await writeFile(temporary, encodeManifest(pages, this.#options.namespace), { mode: 0o600 });
      await rename(temporary, file);
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => {});
      throw error;
    }
  }

  /** Keys by name alone, without opening a file. */
  async *names(): AsyncIterable<bigint> {
    for (const folder of await readdir(this.#dir)) {
      for (const name of await readdir(path.join(this.#dir, folder)).catch(() => [])) {
        const key = keyOf(name);
        if (key !== null) yield key;
      }
    }
  }

  /** Facts of one page, null when it is absent or not whole. */
  facts(key: bigint): Promise<PageFacts | null> {
    return this.#facts(this.#path(key));
  }

  async close(): Promise<void> {}

  #path(key: bigint): string {
    const name = keyText(key);
    return path.join(this.#dir, name.slice(0, 2), `${name}${SUFFIX}`);
  }

  async #manifest(): Promise<Map<bigint, PageFacts>> {
    const bytes = await readFile(path.join(this.#dir, MANIFEST)).catch(() => Buffer.alloc(0));
    return decodeManifest(bytes, this.#options.namespace);
  }

  async #makeFolder(folder: string): Promise<void> {
    if (this.#made.has(folder)) return;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    this.#made.add(folder);
  }

  async #facts(path: string): Promise<PageFacts | null> {
    const file = await open(path).catch(() => null);
    if (file === null) return null;
    try {
      const head = Buffer.allocUnsafe(HEAD_BYTES);
      await file.read(head, 0, HEAD_BYTES, 0);
      const decoded = decodeHead(head, this.#options.namespace);
      return decoded === null ? null : factsOf(decoded);
    } catch {
      return null;
    } finally {
      await file.close();
    }
  }
}

/** Null for a file that is no page. */
function keyOf(name: string): bigint | null {
  const digits = /^([0-9a-f]{16})\.page$/.exec(name)?.[1];
  return digits === undefined ? null : BigInt(`0x${digits}`);
}

async function removeStale(file: string): Promise<void> {
  const handle = await open(file).catch(() => null);
  if (handle === null) return;
  const { mtimeMs } = await handle.stat();
  await handle.close();
  if (Date.now() - mtimeMs > STALE_MS) await rm(file, { force: true });
}
