/** The quickest encoder for a tokenizer.json: ours where its rules are known, else the reference one. */
import type { Tokenizer as HubTokenizer } from '@huggingface/tokenizers';
import { fastEncoder, type PlainEncoder } from './fast-encoder.js';
import { splitRuleOf } from './split-rules.js';

interface BpeModel {
  type?: unknown;
  vocab?: Record<string, number>;
  merges?: ([string, string] | string)[];
  dropout?: unknown;
  byte_fallback?: unknown;
  continuing_subword_prefix?: unknown;
  end_of_word_suffix?: unknown;
  ignore_merges?: unknown;
  unk_token?: unknown;
}

/** Ids of text without special tokens in it. `json` is what `hub` was made of. */
export function plainEncoder(hub: HubTokenizer, json: object): PlainEncoder {
  const reference = (text: string): Uint32Array =>
    text === '' ? new Uint32Array() : Uint32Array.from(hub.encode(text, { add_special_tokens: false }).ids);
  return fastOf(json) ?? reference;
}

function fastOf(json: object): PlainEncoder | null {
  const { model, normalizer, pre_tokenizer: pre } = json as Record<string, unknown>;
  const { type, vocab, merges, dropout, ...bpe } = (model ?? {}) as BpeModel;
  const rule = splitRuleOf(pre);
  const isComposed = (normalizer as { type?: unknown } | null)?.type === 'NFC';
  const hasOther =
    (dropout ?? 0) !== 0 ||
    bpe.byte_fallback === true ||
    !!bpe.continuing_subword_prefix ||
    !!bpe.end_of_word_suffix;
  if (rule === null || type !== 'BPE' || hasOther || !(isComposed || (normalizer ?? null) === null))
    return null;
  if (typeof vocab !== 'object' || Array.isArray(vocab) || !Array.isArray(merges)) return null;
  const ids = new Map(Object.entries(vocab));
  const pairs = merges.map((merge) =>
    typeof merge === 'string' ? (merge.split(' ', 2) as [string, string]) : merge,
  );
  const ignoreMerges = bpe.ignore_merges === true;
  const hasUnknown = (bpe.unk_token ?? null) !== null;
  return fastEncoder({ idOf: (text) => ids.get(text), merges: pairs, ignoreMerges, hasUnknown }, rule, {
    isComposed,
  });
}
