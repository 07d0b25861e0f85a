/**
 * What a folder of pages held when it was last looked at, so that a start has to open only what came since: a head of 32 bytes, then
 * 40 per page. Never trusted alone: a page is there when its file is.
 *
 *   0 `DYNLIST1` · 8 pages u32 · 12 CRC-32 of all that follows the head · 16 namespace (16 bytes)
 *   each: 0 key u64 · 8 parent u64 · 16 local hash u64 · 24 expiry f64 · 32 origin u8 · 33 priority u8 · 34 has parent u8
 */
import { crc32 } from 'node:zlib';
import type { PageFacts } from './types.js';

const MAGIC = Buffer.from('DYNLIST1');
const HEAD_BYTES = 32;
const ENTRY_BYTES = 40;
const NAMESPACE_AT = 16;

export function encodeManifest(pages: readonly PageFacts[], namespace: string): Buffer {
  const bytes = Buffer.alloc(HEAD_BYTES + pages.length * ENTRY_BYTES);
  for (const [index, page] of pages.entries()) {
    const at = HEAD_BYTES + index * ENTRY_BYTES;
    bytes.writeBigUInt64LE(page.key, at);
    bytes.writeBigUInt64LE(page.parent ?? 0n, at + 8);
    bytes.writeBigUInt64LE(page.localHash, at + 16);
    bytes.writeDoubleLE(page.expiresAt, at + 24);
    bytes.writeUInt8(page.origin === 'decode' ? 1 : 0, at + 32);
    bytes.writeUInt8(Math.min(100, Math.max(0, Math.round(page.priority))), at + 33);
    bytes.writeUInt8(page.parent === null ? 0 : 1, at + 34);
  }
  MAGIC.copy(bytes);
  bytes.writeUInt32LE(pages.length, 8);
  bytes.writeUInt32LE(crc32(bytes.subarray(HEAD_BYTES)), 12);
  Buffer.from(namespace, 'hex').copy(bytes, NAMESPACE_AT);
  return bytes;
}

/** By key; empty for what is no list of this namespace, or is not whole. */
export function decodeManifest(bytes: Buffer, namespace: string): Map<bigint, PageFacts> {
  const pages = new Map<bigint, PageFacts>();
  if (!isWhole(bytes, namespace)) return pages;
  for (let at = HEAD_BYTES; at < bytes.length; at += ENTRY_BYTES) {
    const key = bytes.readBigUInt64LE(at);
    pages.set(key, {
      key,
      parent: bytes.readUInt8(at + 34) === 1 ? bytes.readBigUInt64LE(at + 8) : null,
      localHash: bytes.readBigUInt64LE(at + 16),
      expiresAt: bytes.readDoubleLE(at + 24),
      origin: bytes.readUInt8(at + 32) === 1 ? 'decode' : 'prefill',
      priority: bytes.readUInt8(at + 33),
    });
  }
  return pages;
}

function isWhole(bytes: Buffer, namespace: string): boolean {
  if (bytes.length < HEAD_BYTES || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) return false;
  if (bytes.toString('hex', NAMESPACE_AT, HEAD_BYTES) !== namespace) return false;
  if (bytes.length !== HEAD_BYTES + bytes.readUInt32LE(8) * ENTRY_BYTES) return false;
  return crc32(bytes.subarray(HEAD_BYTES)) === bytes.readUInt32LE(12);
}
