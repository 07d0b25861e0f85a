/**
 * Pages as files of a folder: `<dir>/<namespace>/<two digits>/<key>.page`. Written under a temporary name, then renamed, so that a
 * page is there whole or not at all; any process may read, only the catalogue removes.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync } from 'node:fs';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { crcOf, decodeHead, encodeHead, factsOf, HEAD_BYTES, keyText } from './page-format.js';
import { claimVersion } from './page-version.js';
import type { Page, PageFacts, PagePlace, PageTier, ReadMiss } from './types.js';

const SUFFIX = '.page';
/** Temporary files of writers that died are removed by a scan once they are this old. */
const STALE_MS = 60_000;

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

  /** Reads every head; a file that is none of ours is passed over, an old temporary one removed. */
  async *scan(): AsyncIterable<PageFacts> {
    for (const folder of await readdir(this.#dir)) {
      const names = await readdir(path.join(this.#dir, folder)).catch(() => []);
      for (const name of names) {
        const file = path.join(this.#dir, folder, name);
        if (name.endsWith('.tmp')) await removeStale(file);
        const facts = name.endsWith(SUFFIX) ? await this.#facts(file) : null;
        if (facts !== null && `${keyText(facts.key)}${SUFFIX}` === name) yield facts;
      }
    }
  }

  /** Keys by name alone, without opening a file. */
  async *names(): AsyncIterable<bigint> {
    for (const folder of await readdir(this.#dir)) {
      for (const name of await readdir(path.join(this.#dir, folder)).catch(() => [])) {
        const digits = /^([0-9a-f]{16})\.page$/.exec(name)?.[1];
        if (digits !== undefined) yield BigInt(`0x${digits}`);
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

async function removeStale(file: string): Promise<void> {
  const handle = await open(file).catch(() => null);
  if (handle === null) return;
  const { mtimeMs } = await handle.stat();
  await handle.close();
  if (Date.now() - mtimeMs > STALE_MS) await rm(file, { force: true });
}
