/** Streams one member out of a zip file (a Python wheel) without unpacking the rest. Stored and deflated, no zip64. */
import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream';
import { createInflateRaw } from 'node:zlib';

export interface ZipMember {
  name: string;
  /** Unpacked bytes. */
  bytes: number;
  /** Bytes in the archive. */
  packedBytes: number;
  method: 'stored' | 'deflated';
  /** Where the data begins in the archive. */
  dataOffset: number;
}

const END_SIGNATURE = 0x06054b50;
const ENTRY_SIGNATURE = 0x02014b50;
const LOCAL_SIGNATURE = 0x04034b50;
const END_BYTES = 22;
const COMMENT_BYTES_MAX = 65_535;
const DIRECTORY_BYTES_MAX = 16 * 1024 * 1024;
const ZIP64_MARK = 0xffff_ffff;

/** Finds a member by its path. Rejects with an Error that says what is wrong with the archive. */
export async function findZipMember(archive: string, name: string): Promise<ZipMember> {
  const file = await open(archive, 'r');
  try {
    const size = (await file.stat()).size;
    const directory = await readDirectory(file, size);
    const entry = entryNamed(directory, name);
    const local = await readExactly(file, entry.headerOffset, 30);
    if (local.readUInt32LE(0) !== LOCAL_SIGNATURE) throw new Error('a member of the archive has no header');
    const dataOffset = entry.headerOffset + 30 + local.readUInt16LE(26) + local.readUInt16LE(28);
    if (dataOffset + entry.packedBytes > size) throw new Error('the archive is cut off');
    return { name, bytes: entry.bytes, packedBytes: entry.packedBytes, method: entry.method, dataOffset };
  } finally {
    await file.close();
  }
}

/** The member's unpacked bytes. The checksum is the caller's business. */
export function openZipMember(archive: string, member: ZipMember): Readable {
  const end = member.dataOffset + member.packedBytes - 1;
  const packed = createReadStream(archive, { start: member.dataOffset, end, highWaterMark: 1 << 18 });
  if (member.method === 'stored') return packed;
  // Errors of either stream destroy the other and reach the reader through the returned one.
  return pipeline(packed, createInflateRaw({ chunkSize: 1 << 18 }), () => {}) as unknown as Readable;
}

async function readDirectory(file: FileHandle, size: number): Promise<Buffer> {
  const tailBytes = Math.min(size, END_BYTES + COMMENT_BYTES_MAX);
  const tail = await readExactly(file, size - tailBytes, tailBytes);
  for (let at = tail.length - END_BYTES; at >= 0; at--) {
    if (tail.readUInt32LE(at) !== END_SIGNATURE) continue;
    const bytes = tail.readUInt32LE(at + 12);
    const offset = tail.readUInt32LE(at + 16);
    if (bytes > DIRECTORY_BYTES_MAX || offset + bytes > size) break;
    return readExactly(file, offset, bytes);
  }
  throw new Error('it is not a whole zip archive');
}

interface Entry {
  bytes: number;
  packedBytes: number;
  method: 'stored' | 'deflated';
  headerOffset: number;
}

function entryNamed(directory: Buffer, name: string): Entry {
  for (let at = 0; at + 46 <= directory.length && directory.readUInt32LE(at) === ENTRY_SIGNATURE; ) {
    const nameBytes = directory.readUInt16LE(at + 28);
    const found = directory.toString('utf8', at + 46, at + 46 + nameBytes);
    if (found === name) return readEntry(directory, at);
    at += 46 + nameBytes + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
  }
  throw new Error(`the archive has no member ${name}`);
}

function readEntry(directory: Buffer, at: number): Entry {
  const method = directory.readUInt16LE(at + 10);
  if (method !== 0 && method !== 8) throw new Error(`the archive packs with the unknown method ${method}`);
  if ((directory.readUInt16LE(at + 8) & 1) !== 0) throw new Error('the archive is encrypted');
  const packedBytes = directory.readUInt32LE(at + 20);
  const bytes = directory.readUInt32LE(at + 24);
  const headerOffset = directory.readUInt32LE(at + 42);
  if ([packedBytes, bytes, headerOffset].includes(ZIP64_MARK)) throw new Error('zip64 archives are not read');
  return { bytes, packedBytes, headerOffset, method: method === 0 ? 'stored' : 'deflated' };
}

async function readExactly(file: FileHandle, offset: number, bytes: number): Promise<Buffer> {
  const out = Buffer.alloc(bytes);
  let filled = 0;
  while (filled < bytes) {
    const { bytesRead } = await file.read(out, filled, bytes - filled, offset + filled);
    if (bytesRead === 0) throw new Error('the archive is cut off');
    filled += bytesRead;
  }
  return out;
}
