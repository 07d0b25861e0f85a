/**
 * Token ids of text segments between special tokens, kept by text. Special tokens are hard boundaries for a
 * tokenizer, so joining the ids of the segments equals encoding the whole; a conversation that grew costs only
 * its new segments.
 */
import type { Tokenizer } from '../model/tokenizer.js';

/** One segment of a text and where its ids are. */
export interface TokenRun {
  text: string;
  /** UTF-16 offset in the whole text. */
  charStart: number;
  /** Offset in the whole token sequence. */
  tokenStart: number;
  tokens: Uint32Array;
  /** The run is one special token. */
  isSpecial: boolean;
}

export interface EncodedText {
  tokens: Uint32Array<ArrayBuffer>;
  runs: TokenRun[];
}

/** A map entry, string header and typed array beside the data itself; measured at about 200 bytes. */
const ENTRY_BYTES = 200;

/**
 * Two generations of at most half of `bytesMax` each: what is used again comes into the younger one, and when that is full
 * the older one is forgotten. Nothing is taken out of a map: V8 walks over removed entries of the same key until it grows.
 * One writer, synchronous.
 */
export class SegmentCache {
  private young = new Map<string, Uint32Array>();
  private old = new Map<string, Uint32Array>();
  private youngBytes = 0;
  private oldBytes = 0;

  constructor(
    private readonly tokenizer: Tokenizer,
    private readonly bytesMax: number,
  ) {}

  /** Bytes held, an estimate. */
  get bytes(): number {
    return this.youngBytes + this.oldBytes;
  }

  encode(text: string): EncodedText {
    const work = this.encoding(text);
    for (;;) {
      const { done, value } = work.next();
      if (done === true) return value;
    }
  }

  /** The same step by step, one step per segment. */
  *encoding(text: string): Generator<undefined, EncodedText, undefined> {
    const runs: TokenRun[] = [];
    let charStart = 0;
    let tokenStart = 0;
    for (const segment of this.tokenizer.segments(text)) {
      const isSpecial = segment.special >= 0;
      const tokens = isSpecial ? Uint32Array.of(segment.special) : this.plain(segment.text);
      runs.push({ text: segment.text, charStart, tokenStart, tokens, isSpecial });
      charStart += segment.text.length;
      tokenStart += tokens.length;
      yield;
    }
    const tokens = new Uint32Array(tokenStart);
    for (const run of runs) tokens.set(run.tokens, run.tokenStart);
    return { tokens, runs };
  }

  private plain(text: string): Uint32Array {
    const known = this.young.get(text);
    if (known !== undefined) return known;
    const tokens = this.old.get(text) ?? this.tokenizer.encodePlain(text);
    const bytes = entryBytes(text, tokens);
    if (bytes <= this.bytesMax / 4) this.keep(text, tokens, bytes);
    return tokens;
  }

  private keep(text: string, tokens: Uint32Array, bytes: number): void {
    if (this.youngBytes + bytes > this.bytesMax / 2) {
      this.old = this.young;
      this.oldBytes = this.youngBytes;
      this.young = new Map();
      this.youngBytes = 0;
    }
    this.young.set(ownCopy(text), tokens);
    this.youngBytes += bytes;
  }
}

function entryBytes(text: string, tokens: Uint32Array): number {
  return text.length * 2 + tokens.byteLength + ENTRY_BYTES;
}

/** V8 keeps a slice's whole parent alive; a key must not hold the prompt it was cut from. UTF-16 keeps lone surrogates. */
export function ownCopy(text: string): string {
  const encoding = Buffer.byteLength(text) === text.length ? 'latin1' : 'utf16le';
  return Buffer.from(text, encoding).toString(encoding);
}
