/** One worker's log on disk: appended, bounded, and never in the way of the stack. */
import { createWriteStream, mkdirSync, renameSync, statSync, type WriteStream } from 'node:fs';
import path from 'node:path';
import { LIMITS } from '../limits.js';

/** Bytes that may wait for a slow disk; beyond them lines are dropped, as memory matters more than a log. */
const BACKLOG_BYTES_MAX = 1024 * 1024;

/** `<dir>/<worker>.log`, with the one before it as `.log.1`. A full or broken disk loses log lines, nothing else. */
export class LogFile {
  readonly path: string;
  readonly #bytesMax: number;
  #stream: WriteStream | null = null;
  #bytes = 0;

  constructor(dir: string, worker: string, bytesMax: number = LIMITS.logFileBytes) {
    this.path = path.join(dir, `${worker}.log`);
    this.#bytesMax = bytesMax;
    try {
      mkdirSync(dir, { recursive: true, mode: 0o700 });
      this.#bytes = statSync(this.path, { throwIfNoEntry: false })?.size ?? 0;
    } catch {
      // The first write will fail in the same way and be ignored.
    }
  }

  write(line: string): void {
    if (this.#bytes >= this.#bytesMax) this.#rotate();
    this.#stream ??= this.#open();
    if (this.#stream.writableLength > BACKLOG_BYTES_MAX) return;
    const text = `${line}\n`;
    this.#bytes += Buffer.byteLength(text);
    this.#stream.write(text);
  }

  /** Resolves when what was written is on its way to disk. The file opens again with the next line. */
  async close(): Promise<void> {
    const stream = this.#stream;
    this.#stream = null;
    if (stream === null || stream.destroyed) return;
    await new Promise<void>((resolve) => {
      stream.once('close', resolve);
      stream.end();
    });
  }

  #open(): WriteStream {
    const stream = createWriteStream(this.path, { flags: 'a', mode: 0o600 });
    stream.on('error', () => {});
    return stream;
  }

  /** The open stream follows the renamed file, so lines still on their way land in the right one. */
  #rotate(): void {
    this.#stream?.end();
    this.#stream = null;
    this.#bytes = 0;
    try {
      renameSync(this.path, `${this.path}.1`);
    } catch {
      // Not written yet, or a system that does not rename open files: it goes on growing until the next try.
    }
  }
}
