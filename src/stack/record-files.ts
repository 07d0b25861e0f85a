/** Files of `--record DIR`: written behind the requests, in pieces that each stand for themselves, never more than a bound. */
import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import path from 'node:path';
import { DynamoError } from '../errors.js';
import { LIMITS } from '../limits.js';

const NAME = /^dynamo-recording-[\w.-]+\.jsonl$/;

export interface RecordStats {
  dir: string;
  files: number;
  bytes: number;
  requests: number;
  /** Lines lost: the disk was too slow or full. */
  lost: number;
  /** Why nothing is written any more; null while it is. */
  fault: string | null;
}

/** The folder's absolute path, made and proven writable. Throws `usage`. */
export function recordFolder(dir: string): string {
  const absolute = path.resolve(dir);
  const probe = path.join(absolute, `.dynamo-probe-${process.pid}`);
  try {
    mkdirSync(absolute, { recursive: true, mode: 0o700 });
    writeFileSync(probe, '', { mode: 0o600 });
    rmSync(probe);
  } catch (error) {
    throw new DynamoError(
      'usage',
      {
        detail: `Nothing can be recorded in ${dir}: ${(error as Error).message}`,
        remedy: 'Give a folder you may write to.',
      },
      { cause: error },
    );
  }
  return absolute;
}

export class RecordFiles {
  readonly #dir: string;
  readonly #bounds: { fileBytes: number; totalBytes: number };
  readonly #stats: RecordStats;
  /** Text that waits for the disk, by the file it belongs to. */
  #queue: { name: string; lines: string[] }[] = [];
  #queuedBytes = 0;
  /** The file lines go to; null before the first. */
  #current: { name: string; bytes: number } | null = null;
  #count = 0;
  #open: { name: string; handle: FileHandle } | null = null;
  #writing: Promise<void> = Promise.resolve();

  constructor(
    dir: string,
    bounds: { fileBytes: number; totalBytes: number } = {
      fileBytes: LIMITS.recordFileBytes,
      totalBytes: LIMITS.recordBytes,
    },
  ) {
    this.#dir = dir;
    this.#bounds = bounds;
    this.#stats = { dir, files: 0, bytes: 0, requests: 0, lost: 0, fault: null };
  }

  stats(): RecordStats {
    return { ...this.#stats };
  }

  /** Whether the next line needs a file of its own to begin with. */
  needsFile(): boolean {
    return this.#current === null || this.#current.bytes >= this.#bounds.fileBytes;
  }

  /** A new file with its first line; `now` is Unix milliseconds. */
  begin(now: number, header: string): void {
    this.#count += 1;
    const stamp = new Date(now).toISOString().replaceAll(':', '');
    const name = `dynamo-recording-${stamp}-${process.pid}-${String(this.#count).padStart(4, '0')}.jsonl`;
    this.#current = { name, bytes: header.length };
    this.#queue.push({ name, lines: [header] });
    this.#queuedBytes += header.length;
  }

  /** True when the line will be written; false when it is lost, and counted. */
  add(line: string): boolean {
    const current = this.#current;
    const isFull = this.#queuedBytes + line.length > LIMITS.recordBufferBytes;
    if (current === null || isFull || this.#stats.fault !== null) {
      this.#stats.lost += 1;
      return false;
    }
    const last = this.#queue.at(-1);
    if (last?.name === current.name) last.lines.push(line);
    else this.#queue.push({ name: current.name, lines: [line] });
    current.bytes += line.length;
    this.#queuedBytes += line.length;
    this.#stats.requests += 1;
    return true;
  }

  /** Resolves when everything added so far is on disk. Never rejects. */
  flush(): Promise<void> {
    const queue = this.#queue;
    this.#queue = [];
    if (queue.length > 0) {
      this.#writing = this.#writing.then(async () => {
        for (const { name, lines } of queue) await this.#write(name, lines.join(''));
      });
    }
    return this.#writing;
  }

  async close(): Promise<void> {
    await this.flush();
    await this.#open?.handle.close().catch(() => {});
    this.#open = null;
  }

  async #write(name: string, text: string): Promise<void> {
    try {
      if (this.#open?.name !== name) {
        await this.#open?.handle.close();
        this.#open = null;
        this.#makeRoom();
        this.#open = { name, handle: await open(path.join(this.#dir, name), 'a', 0o600) };
      }
      await this.#open.handle.appendFile(text);
      this.#measure();
    } catch (error) {
      this.#stats.fault ??= (error as Error).message;
    }
    this.#queuedBytes -= text.length;
  }

  /** Oldest files first; names sort by time. Only files of our own name are touched. */
  #makeRoom(): void {
    const files = this.#files();
    let bytes = files.reduce((sum, file) => sum + file.bytes, 0);
    for (const { name, bytes: size } of files) {
      if (bytes + this.#bounds.fileBytes <= this.#bounds.totalBytes) return;
      rmSync(path.join(this.#dir, name), { force: true });
      bytes -= size;
    }
  }

  #measure(): void {
    const files = this.#files();
    this.#stats.files = files.length;
    this.#stats.bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  }

  #files(): { name: string; bytes: number }[] {
    return readdirSync(this.#dir)
      .filter((name) => NAME.test(name))
      .sort()
      .map((name) => ({
        name,
        bytes: statSync(path.join(this.#dir, name), { throwIfNoEntry: false })?.size ?? 0,
      }));
  }
}
