/** Writes small GGUF files: every value type, and a byte-level BPE vocabulary that a tokenizer can be built from. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll } from 'vitest';

type Scalar = 'u8' | 'i8' | 'u16' | 'i16' | 'u32' | 'i32' | 'f32' | 'bool' | 'text' | 'u64' | 'i64' | 'f64';
export type Typed =
  | { type: Scalar; value: number | string | boolean | bigint }
  | { type: 'array'; of: Scalar | 'array'; items: (number | string | boolean | bigint | Typed)[] };

const NUMBERS: Record<Scalar | 'array', number> = {
  u8: 0,
  i8: 1,
  u16: 2,
  i16: 3,
  u32: 4,
  i32: 5,
  f32: 6,
  bool: 7,
  text: 8,
  array: 9,
  u64: 10,
  i64: 11,
  f64: 12,
};

export const text = (value: string): Typed => ({ type: 'text', value });
export const u32 = (value: number): Typed => ({ type: 'u32', value });
export const texts = (items: string[]): Typed => ({ type: 'array', of: 'text', items });

export function ggufBytes(
  entries: Record<string, Typed>,
  options: { version?: number; tensors?: number } = {},
): Buffer {
  const parts = [
    Buffer.from('GGUF'),
    int32(options.version ?? 3),
    int64(options.tensors ?? 0),
    int64(Object.keys(entries).length),
  ];
  for (const [key, entry] of Object.entries(entries)) {
    parts.push(textBytes(key), int32(NUMBERS[entry.type]), typedBytes(entry));
  }
  return Buffer.concat(parts);
}

/** Removed with everything in it when the test file is done. */
const folder = mkdtempSync(path.join(os.tmpdir(), 'dynamo-gguf-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

export function writeGguf(bytes: Buffer, name = 'tiny.gguf'): string {
  const file = path.join(folder, name);
  writeFileSync(file, bytes);
  return file;
}

/** ChatML in the words of SmolLM2's template, with a default system text. */
export const CHATML = `{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\\nYou are tiny.<|im_end|>\\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}`;

export const SPECIALS = ['<|im_start|>', '<|im_end|>', '<|end|>', '<think>', '</think>'];

/** The special tokens (id 0 is BOS, id 1 EOS), 256 byte tokens, and a few merges. */
export function tinyModel(
  overrides: Record<string, Typed> = {},
  specials: string[] = SPECIALS,
): Record<string, Typed> {
  const bytes = byteCharacters();
  const merges = [
    'h e',
    'l l',
    'he ll',
    'hell o',
    'Ġ w',
    'i n',
    't h',
    'Ġ t',
    'Ġt he',
    'u s',
    'us e',
    'use r',
    'Ċ Ċ',
  ];
  const merged = merges.map((merge) => merge.replace(' ', ''));
  const tokens = [...specials, ...bytes, ...merged];
  const types = tokens.map((_, id) => (id < specials.length ? 3 : 1));
  return {
    'general.architecture': text('tiny'),
    'general.name': text('Tiny'),
    'general.file_type': u32(1),
    'tiny.context_length': u32(512),
    'tiny.block_count': u32(2),
    'tiny.embedding_length': u32(64),
    'tiny.attention.head_count': u32(4),
    'tiny.attention.head_count_kv': u32(2),
    'tokenizer.ggml.model': text('gpt2'),
    'tokenizer.ggml.pre': text('smollm'),
    'tokenizer.ggml.tokens': texts(tokens),
    'tokenizer.ggml.token_type': { type: 'array', of: 'i32', items: types },
    'tokenizer.ggml.merges': texts(merges),
    'tokenizer.ggml.bos_token_id': u32(0),
    'tokenizer.ggml.eos_token_id': u32(1),
    'tokenizer.chat_template': text(CHATML),
    ...overrides,
  };
}

/** GPT-2's table: printable bytes stand for themselves, the others for characters from U+0100 on. */
function byteCharacters(): string[] {
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => {
    const isPrintable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    return String.fromCharCode(isPrintable ? byte : next++);
  });
}

function typedBytes(entry: Typed): Buffer {
  if (entry.type !== 'array') return scalarBytes(entry.type, entry.value);
  const items = entry.items.map((item) =>
    typeof item === 'object' ? typedBytes(item) : scalarBytes(entry.of as Scalar, item),
  );
  return Buffer.concat([int32(NUMBERS[entry.of]), int64(entry.items.length), ...items]);
}

function scalarBytes(type: Scalar, value: number | string | boolean | bigint): Buffer {
  const out = Buffer.alloc(8);
  switch (type) {
    case 'text':
      return textBytes(String(value));
    case 'bool':
      return Buffer.from([value ? 1 : 0]);
    case 'u64':
      out.writeBigUInt64LE(BigInt(value));
      return out;
    case 'i64':
      out.writeBigInt64LE(BigInt(value));
      return out;
    case 'f64':
      out.writeDoubleLE(Number(value));
      return out;
    case 'f32':
      out.writeFloatLE(Number(value));
      return out.subarray(0, 4);
    case 'u32':
      out.writeUInt32LE(Number(value));
      return out.subarray(0, 4);
    case 'i32':
      out.writeInt32LE(Number(value));
      return out.subarray(0, 4);
    case 'u16':
      out.writeUInt16LE(Number(value));
      return out.subarray(0, 2);
    case 'i16':
      out.writeInt16LE(Number(value));
      return out.subarray(0, 2);
    case 'u8':
      return Buffer.from([Number(value)]);
    case 'i8':
      out.writeInt8(Number(value));
      return out.subarray(0, 1);
  }
}

function textBytes(value: string): Buffer {
  const bytes = Buffer.from(value, 'utf8');
  return Buffer.concat([int64(bytes.length), bytes]);
}

function int32(value: number): Buffer {
  const out = Buffer.alloc(4);
  out.writeUInt32LE(value);
  return out;
}

function int64(value: number | bigint): Buffer {
  const out = Buffer.alloc(8);
  out.writeBigUInt64LE(BigInt(value));
  return out;
}
