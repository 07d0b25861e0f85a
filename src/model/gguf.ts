/** Reads the metadata head of a GGUF file (llama.cpp's model format, versions 2 and 3); tensors are never touched. */
import { type FileHandle, open } from 'node:fs/promises';
import { DynamoError } from '../errors.js';
import { LIMITS } from '../limits.js';

export type GgufValue = string | number | boolean | string[] | number[] | boolean[] | GgufValue[];

export interface GgufMetadata {
  path: string;
  /** Bytes of the whole file. */
  fileBytes: number;
  version: number;
  tensorCount: number;
  /** Metadata by key; 64-bit integers are numbers and may be rounded above 2^53. */
  values: Map<string, GgufValue>;
}

const FIRST_READ_BYTES = 4 * 1024 * 1024;

/**
 * Reads only as much of the file as the metadata needs, at most `LIMITS.ggufHeadBytes`.
 * Rejects with `model_missing`, or `model_invalid` when the file is no GGUF, truncated or malformed.
 */
export async function readGgufMetadata(path: string): Promise<GgufMetadata> {
  const file = await openModel(path);
  try {
    const fileBytes = (await file.stat()).size;
    const headBytesMax = Math.min(fileBytes, LIMITS.ggufHeadBytes);
    for (let size = FIRST_READ_BYTES; ; size *= 4) {
      try {
        const head = await readHead(file, Math.min(size, headBytesMax));
        return { path, fileBytes, ...parseHead(head) };
      } catch (error) {
        if (error instanceof EndOfHead && size < headBytesMax) continue;
        throw invalid(path, error);
      }
    }
  } finally {
    await file.close();
  }
}

async function openModel(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const remedy =
      code === 'ENOENT' ? 'Check the path, or run `dynamo model pull`.' : `The system says ${code}.`;
    throw new DynamoError('model_missing', { path, remedy }, { cause: error });
  }
}

async function readHead(file: FileHandle, bytes: number): Promise<Buffer> {
  const head = Buffer.allocUnsafe(bytes);
  let filled = 0;
  while (filled < bytes) {
    const { bytesRead } = await file.read(head, filled, bytes - filled, filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return head.subarray(0, filled);
}

/** The head ended inside a value: more bytes may help. */
class EndOfHead extends Error {}

function invalid(path: string, error: unknown): DynamoError {
  const detail =
    error instanceof EndOfHead
      ? 'it ends inside its metadata, so it is cut off.'
      : `${error instanceof Error ? error.message : String(error)}.`;
  return new DynamoError('model_invalid', { path, detail }, { cause: error });
}

function parseHead(head: Buffer): Pick<GgufMetadata, 'version' | 'tensorCount' | 'values'> {
  if (head.length < 4 || head.toString('latin1', 0, 4) !== 'GGUF') throw new Error('it is not a GGUF file');
  const cursor = new Cursor(head, 4);
  const version = cursor.u32();
  if (version < 2 || version > 3) throw new Error(`its GGUF version ${version} is not 2 or 3`);
  const tensorCount = cursor.count();
  const entries = cursor.count();
  if (entries > LIMITS.ggufEntries) throw new Error(`it claims ${entries} metadata entries`);
  const values = new Map<string, GgufValue>();
  for (let entry = 0; entry < entries; entry++) {
    const key = cursor.text();
    values.set(key, cursor.value(cursor.u32(), key, 0));
  }
  return { version, tensorCount, values };
}

/** GGUF's value types: reader and size in bytes, by type number. */
const SCALARS: Record<number, { bytes: number; read: (head: Buffer, at: number) => number | boolean }> = {
  0: { bytes: 1, read: (head, at) => head.readUInt8(at) },
  1: { bytes: 1, read: (head, at) => head.readInt8(at) },
  2: { bytes: 2, read: (head, at) => head.readUInt16LE(at) },
  3: { bytes: 2, read: (head, at) => head.readInt16LE(at) },
  4: { bytes: 4, read: (head, at) => head.readUInt32LE(at) },
  5: { bytes: 4, read: (head, at) => head.readInt32LE(at) },
  6: { bytes: 4, read: (head, at) => head.readFloatLE(at) },
  7: { bytes: 1, read: (head, at) => head.readUInt8(at) !== 0 },
  10: { bytes: 8, read: (head, at) => head.readUInt32LE(at) + head.readUInt32LE(at + 4) * 2 ** 32 },
  11: { bytes: 8, read: (head, at) => Number(head.readBigInt64LE(at)) },
  12: { bytes: 8, read: (head, at) => head.readDoubleLE(at) },
};
const TEXT = 8;
const ARRAY = 9;
/** Arrays of arrays exist in the format; nobody nests deeper. */
const NESTING_MAX = 4;

class Cursor {
  constructor(
    private readonly head: Buffer,
    private at: number,
  ) {}

  u32(): number {
    return this.head.readUInt32LE(this.take(4));
  }

  /** A 64-bit length or count; refused where it could not be one. */
  count(): number {
    const at = this.take(8);
    const high = this.head.readUInt32LE(at + 4);
    if (high > 0x1f_ffff) throw new Error('it holds an impossible length');
    return this.head.readUInt32LE(at) + high * 2 ** 32;
  }

  text(): string {
    const bytes = this.count();
    if (bytes > LIMITS.ggufHeadBytes) throw new Error(`it holds a text of ${bytes} bytes`);
    const at = this.take(bytes);
    return this.head.toString('utf8', at, at + bytes);
  }

  value(type: number, key: string, depth: number): GgufValue {
    if (type === TEXT) return this.text();
    if (type === ARRAY) return this.array(key, depth);
    const scalar = SCALARS[type];
    if (scalar === undefined) throw new Error(`the value of ${key} has the unknown type ${type}`);
    return scalar.read(this.head, this.take(scalar.bytes));
  }

  private array(key: string, depth: number): GgufValue {
    if (depth >= NESTING_MAX) throw new Error(`the value of ${key} is nested too deep`);
    const type = this.u32();
    const length = this.count();
    const scalar = SCALARS[type];
    // Every item takes at least this many bytes, so a huge claimed length ends here and not in memory.
    const bytes = length * (scalar?.bytes ?? 8);
    if (bytes > LIMITS.ggufHeadBytes) throw new Error(`the value of ${key} has ${length} items`);
    if (this.at + bytes > this.head.length) throw new EndOfHead();
    const items: GgufValue[] = [];
    for (let item = 0; item < length; item++) items.push(this.value(type, key, depth + 1));
    return items;
  }

  /** Moves past `bytes` bytes and returns where they start. */
  private take(bytes: number): number {
    const at = this.at;
    if (at + bytes > this.head.length) throw new EndOfHead();
    this.at = at + bytes;
    return at;
  }
}
