/**
 * The model file's own vocabulary as a tokenizer. The GGUF fields become the structure of a tokenizer.json, and
 * @huggingface/tokenizers does the rest; special tokens are cut out by us, because llama.cpp's rule differs.
 */
import { Tokenizer as HubTokenizer } from '@huggingface/tokenizers';
import { DynamoError } from '../errors.js';
import { plainEncoder } from './bpe/plain-encoder.js';
import { type GgufMetadata, readGgufMetadata } from './gguf.js';
import { PRE_TOKENIZERS } from './pre-tokenizers.js';
import {
  type Segment,
  type SettledChars,
  type SpecialToken,
  settledChars,
  specialSplitter,
} from './special-splitter.js';

export interface Tokenizer {
  readonly vocabTokens: number;
  /** Leading characters of a text (UTF-16) whose segments no text after it can change. */
  readonly settledChars: SettledChars;
  /** Ids of the whole text; texts of special tokens in it become those tokens (`parse_special`). */
  encode(text: string): Uint32Array;
  /** Ids of text without special tokens in it, as `segments` returns it. */
  encodePlain(text: string): Uint32Array;
  /** The text cut at special tokens. Encoding the parts and joining the ids equals `encode`. */
  segments(text: string): Segment[];
  /** Text of the ids, special tokens included. */
  decode(tokens: ArrayLike<number>): string;
  /** UTF-8 bytes one token stands for; 0 for an unknown id. */
  byteLength(token: number): number;
}

/** llama.cpp token types that are matched as whole texts: unknown, control, user-defined. */
const MATCHED_TYPES = new Set([2, 3, 4]);

/** Reads the vocabulary and builds the tokenizer: about 0.3 s for 49k tokens. Rejects with `model_invalid`. */
export async function loadTokenizer(path: string): Promise<Tokenizer> {
  return buildTokenizer(await readGgufMetadata(path));
}

/** The same from metadata already read. */
export function buildTokenizer(metadata: GgufMetadata): Tokenizer {
  const vocabulary = readVocabulary(metadata);
  const { texts, specials } = vocabulary;
  const json = tokenizerJson(vocabulary);
  const hub = new HubTokenizer(json, {});
  const specialBytes = new Map(specials.map((token) => [token.id, Buffer.byteLength(token.text)]));
  const segments = specialSplitter(specials);
  const encodePlain = plainEncoder(hub, json);
  return {
    vocabTokens: texts.length,
    settledChars: settledChars(specials),
    encodePlain,
    segments,
    encode: (text) =>
      joinTokens(
        segments(text).map(({ text, special }) =>
          special < 0 ? encodePlain(text) : Uint32Array.of(special),
        ),
      ),
    decode: (tokens) =>
      tokens.length === 0
        ? ''
        : hub.decode(Array.from(tokens), { skip_special_tokens: false, clean_up_tokenization_spaces: false }),
    // Every character of a byte-level token's text stands for one byte.
    byteLength: (token) => specialBytes.get(token) ?? texts[token]?.length ?? 0,
  };
}

/** Token runs one after another. */
export function joinTokens(runs: readonly Uint32Array[]): Uint32Array {
  const out = new Uint32Array(runs.reduce((sum, run) => sum + run.length, 0));
  let at = 0;
  for (const run of runs) {
    out.set(run, at);
    at += run.length;
  }
  return out;
}

interface Vocabulary {
  texts: readonly string[];
  merges: readonly string[];
  specials: SpecialToken[];
  pre: { steps: object[]; ignoreMerges: boolean };
}

function readVocabulary(metadata: GgufMetadata): Vocabulary {
  const field = (key: string) => metadata.values.get(`tokenizer.ggml.${key}`);
  const refuse = (detail: string) => new DynamoError('model_invalid', { path: metadata.path, detail });
  if (field('model') !== 'gpt2')
    throw refuse(`its vocabulary is of kind \`${field('model')}\`; only byte-level BPE is known.`);
  const name = String(field('pre') ?? 'default');
  const pre = Object.hasOwn(PRE_TOKENIZERS, name) ? PRE_TOKENIZERS[name] : undefined;
  if (pre === undefined) {
    throw refuse(
      `its pre-tokenizer \`${name}\` is not known; known are ${Object.keys(PRE_TOKENIZERS).join(', ')}.`,
    );
  }
  const texts = strings(field('tokens'));
  const merges = strings(field('merges'));
  if (texts === null || merges === null) throw refuse('it has no tokens or no merges.');
  const types = Array.isArray(field('token_type')) ? (field('token_type') as unknown[]) : [];
  const specials = texts.flatMap((text, id) => (MATCHED_TYPES.has(Number(types[id])) ? [{ id, text }] : []));
  return { texts, merges, specials, pre };
}

function strings(value: unknown): string[] | null {
  return Array.isArray(value) && value.every((item) => typeof item === 'string') ? value : null;
}

function tokenizerJson({ texts, merges, specials, pre }: Vocabulary): object {
  const vocab: Record<string, number> = Object.create(null);
  for (const [id, text] of texts.entries()) vocab[text] = id;
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: specials.map(({ id, text }) => addedToken(id, text)),
    normalizer: null,
    pre_tokenizer: { type: 'Sequence', pretokenizers: pre.steps },
    post_processor: null,
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: pre.ignoreMerges,
      vocab,
      merges: merges.map(mergePair),
    },
  };
}

function addedToken(id: number, content: string): object {
  return { id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
}

/** The first character may itself be a space in odd vocabularies, so the separator is sought after it. */
function mergePair(merge: string): [string, string] {
  const at = merge.indexOf(' ', 1);
  return [merge.slice(0, at), merge.slice(at + 1)];
}
