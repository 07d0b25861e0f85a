/**
 * A page as a file: a head of 512 bytes, then the payload. Little-endian, as every platform we ship for.
 *
 *   0 `DYNPAGE1` · 8 key u64 · 16 parent u64 · 24 local hash u64 · 32 expiry f64 (Unix ms, 0 = none) · 40 payload bytes u32 ·
 *   44 payload CRC-32 · 48 tokens u32 · 52 origin u8 · 53 priority u8 · 54 has parent u8 · 56 namespace (16 bytes) ·
 *   72 token ids u32 × up to 108 · 508 CRC-32 of the head before it
 */
import { crc32 } from 'node:zlib';
import type { Page, PageFacts } from './types.js';

export const HEAD_BYTES = 512;
const MAGIC = Buffer.from('DYNPAGE1');
const NAMESPACE_AT = 56;
const NAMESPACE_BYTES = 16;
const TOKENS_AT = 72;
const TOKENS_MAX = 108;
const CRC_AT = 508;

/** What a head says beyond the page's facts. */
export interface PageHead extends PageFacts {
  tokens: Uint32Array;
  payloadBytes: number;
  payloadCrc: number;
}

/** `namespace` is 32 hexadecimal digits naming everything that changes KV bytes. Throws RangeError on too many tokens. */
export function encodeHead(page: Page, namespace: string): Buffer {
  const { tokens, payload } = page;
  if (tokens.length > TOKENS_MAX)
    throw new RangeError(`a page has at most ${TOKENS_MAX} tokens, not ${tokens.length}`);
  const head = Buffer.alloc(HEAD_BYTES);
  MAGIC.copy(head);
  head.writeBigUInt64LE(page.key, 8);
  head.writeBigUInt64LE(page.parent ?? 0n, 16);
  head.writeBigUInt64LE(page.localHash, 24);
  head.writeDoubleLE(page.expiresAt, 32);
  head.writeUInt32LE(payload.length, 40);
  head.writeUInt32LE(crc32(payload), 44);
  head.writeUInt32LE(tokens.length, 48);
  head.writeUInt8(page.origin === 'decode' ? 1 : 0, 52);
  head.writeUInt8(Math.min(100, Math.max(0, Math.round(page.priority))), 53);
  head.writeUInt8(page.parent === null ? 0 : 1, 54);
  Buffer.from(namespace, 'hex').copy(head, NAMESPACE_AT, 0, NAMESPACE_BYTES);
  for (const [at, token] of tokens.entries()) head.writeUInt32LE(token, TOKENS_AT + at * 4);
  head.writeUInt32LE(crc32(head.subarray(0, CRC_AT)), CRC_AT);
  return head;
}

/** Null when it is no head of this namespace: another version, another model, cut or altered. */
export function decodeHead(head: Buffer, namespace: string): PageHead | null {
  if (head.length < HEAD_BYTES || !head.subarray(0, 8).equals(MAGIC)) return null;
  if (head.readUInt32LE(CRC_AT) !== crc32(head.subarray(0, CRC_AT))) return null;
  if (head.toString('hex', NAMESPACE_AT, NAMESPACE_AT + NAMESPACE_BYTES) !== namespace) return null;
  const count = head.readUInt32LE(48);
  if (count > TOKENS_MAX) return null;
  const tokens = Uint32Array.from({ length: count }, (_, at) => head.readUInt32LE(TOKENS_AT + at * 4));
  return {
    key: head.readBigUInt64LE(8),
    parent: head.readUInt8(54) === 1 ? head.readBigUInt64LE(16) : null,
    localHash: head.readBigUInt64LE(24),
    expiresAt: head.readDoubleLE(32),
    payloadBytes: head.readUInt32LE(40),
    payloadCrc: head.readUInt32LE(44),
    origin: head.readUInt8(52) === 1 ? 'decode' : 'prefill',
    priority: head.readUInt8(53),
    tokens,
  };
}

/** CRC-32 of pieces as if they were one run of bytes. */
export function crcOf(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((crc, piece) => crc32(piece, crc), 0);
}

/** 16 hexadecimal digits: a page's file name and object name. */
export function keyText(key: bigint): string {
  return key.toString(16).padStart(16, '0');
}

export function factsOf({ key, parent, localHash, origin, priority, expiresAt }: PageFacts): PageFacts {
  return { key, parent, localHash, origin, priority, expiresAt };
}
