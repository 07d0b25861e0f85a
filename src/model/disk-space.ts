/** Disk space: asked before a download, and recognised when it runs out during one. */
import { statfs } from 'node:fs/promises';
import { DynamoError } from '../errors.js';

/** Rejects with `disk_full` when the folder's file system has less than `bytes` free for this user. */
export async function requireDiskSpace(dir: string, bytes: number): Promise<void> {
  const free = await freeBytes(dir);
  if (free !== null && free < bytes) throw diskFull(dir, free, bytes);
}

/** A write error as `disk_full` when it means that; any other error as it is. */
export async function asDiskError(error: unknown, dir: string, neededBytes: number): Promise<unknown> {
  const code = (error as NodeJS.ErrnoException | null)?.code;
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return error;
  return diskFull(dir, (await freeBytes(dir)) ?? 0, neededBytes, error);
}

/** Null where the file system does not tell. */
async function freeBytes(dir: string): Promise<number | null> {
  try {
    const { bavail, bsize } = await statfs(dir);
    return bavail * bsize;
  } catch {
    return null;
  }
}

function diskFull(path: string, free: number, needed: number, cause?: unknown): DynamoError {
  return new DynamoError('disk_full', { path, free: megabytes(free), needed: megabytes(needed) }, { cause });
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
