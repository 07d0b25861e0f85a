/** A file being fetched: written under a temporary name, hashed on the way, renamed only when it is right. */
import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { asDiskError } from './disk-space.js';

export interface PartialTarget {
  /** Final path. */
  path: string;
  bytes: number;
  /** Of the content; empty where only `gitSha1` is known. */
  sha256: string;
  /** Of the file as git names it: small files of a hub. */
  gitSha1?: string;
}

/** The bytes fetched are not the ones expected. */
export class WrongContent extends Error {
  constructor(readonly actual: string) {
    super(`what it sent has the ${actual.length === 64 ? 'SHA-256' : 'sum'} ${actual}, not the pinned one`);
    this.name = 'WrongContent';
  }
}

/**
 * Bytes already there are kept and hashed, so that a download resumes. `finish` or `discard` or `close` ends it;
 * `close` leaves the bytes for the next attempt.
 */
export class PartialFile {
  private constructor(
    private readonly target: PartialTarget,
    readonly temporary: string,
    private readonly file: FileHandle,
    private hash: Hash,
    /** Bytes written so far. */
    public bytes: number,
  ) {}

  static async open(target: PartialTarget): Promise<PartialFile> {
    const temporary = `${target.path}.part`;
    const file = await open(temporary, 'a');
    const hash = newHash(target);
    let bytes = 0;
    for await (const chunk of createReadStream(temporary)) {
      hash.update(chunk as Buffer);
      bytes += (chunk as Buffer).length;
      if (bytes > target.bytes) break;
    }
    const partial = new PartialFile(target, temporary, file, hash, bytes);
    if (bytes > target.bytes) await partial.restart();
    return partial;
  }

  /** Forgets what was written. */
  async restart(): Promise<void> {
    await this.file.truncate(0);
    this.hash = newHash(this.target);
    this.bytes = 0;
  }

  /** Appends. Rejects with `disk_full` (the bytes are then removed: a full disk harms others too). */
  async write(chunk: Uint8Array): Promise<void> {
    if (this.bytes + chunk.length > this.target.bytes)
      throw new Error('it sent more bytes than the file has');
    try {
      // One call may write less than asked for, above all just before the disk is full.
      for (let at = 0; at < chunk.length; ) at += (await this.file.write(chunk, at)).bytesWritten;
    } catch (error) {
      const missing = this.target.bytes - this.bytes;
      const failure = await asDiskError(error, path.dirname(this.target.path), missing);
      if (failure !== error) await this.discard();
      throw failure;
    }
    this.hash.update(chunk);
    this.bytes += chunk.length;
  }

  /** Checks size and sum, then gives the file its name. Rejects with WrongContent and removes it otherwise. */
  async finish(): Promise<void> {
    const actual = this.hash.digest('hex');
    if (this.bytes !== this.target.bytes || actual !== (this.target.gitSha1 ?? this.target.sha256)) {
      await this.discard();
      throw new WrongContent(actual);
    }
    await this.file.datasync();
    await this.file.close();
    await rename(this.temporary, this.target.path);
  }

  async close(): Promise<void> {
    await this.file.close().catch(() => {});
  }

  async discard(): Promise<void> {
    await this.close();
    await rm(this.temporary, { force: true });
  }
}

/** Git hashes a file behind a head with its size. */
function newHash({ bytes, gitSha1 }: PartialTarget): Hash {
  return gitSha1 === undefined ? createHash('sha256') : createHash('sha1').update(`blob ${bytes}\0`);
}
