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
  tokens: Uint32Array;
  runs: TokenRun[];
}

/** A map entry, string header and typed array beside the data itself; measured at about 200 bytes. */
const ENTRY_BYTES = 200;
/** Share of the bound that is kept when it is reached. */
const ROOM_AFTER = 15 / 16;

/** Least recently used segments are dropped when `bytesMax` is reached. One writer, synchronous. */
export class SegmentCache {
  private readonly entries = new Map<string, Uint32Array>();
  private heldBytes = 0;

  constructor(
    private readonly tokenizer: Tokenizer,
    private readonly bytesMax: number,
  ) {}

  /** Bytes held, an estimate. */
  get bytes(): number {
    return this.heldBytes;
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
    const known = this.entries.get(text);
    if (known !== undefined) {
      this.entries.delete(text);
      this.entries.set(text, known);
      return known;
    }
    const tokens = this.tokenizer.encodePlain(text);
    const bytes = entryBytes(text, tokens);
    if (bytes <= this.bytesMax / 4) this.keep(text, tokens, bytes);
    return tokens;
  }

  private keep(text: string, tokens: Uint32Array, bytes: number): void {
    this.entries.set(ownCopy(text), tokens);
    this.heldBytes += bytes;
    if (this.heldBytes <= this.bytesMax) return;
    // Many at once: to find the oldest, a map walks over all that was taken out of it before.
    for (const [oldText, oldTokens] of this.entries) {
      if (this.heldBytes <= this.bytesMax * ROOM_AFTER) break;
      this.entries.delete(oldText);
      this.heldBytes -= entryBytes(oldText, oldTokens);
    }
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
