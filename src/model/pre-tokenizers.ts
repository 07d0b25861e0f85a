/**
 * llama.cpp's pre-tokenizers (`tokenizer.ggml.pre`) as tokenizer.json pre-tokenizers. The patterns are those of
 * the models' own tokenizer.json files; a name that is not here is refused, because a near miss would give
 * prompts that look right and never match the engine's blocks.
 */

const GPT2 = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`;
const LLAMA3 = String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;
const QWEN2 = String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;

const split = (pattern: string) => ({
  type: 'Split',
  pattern: { Regex: pattern },
  behavior: 'Isolated',
  invert: false,
});
const BYTE_LEVEL = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false };

export const PRE_TOKENIZERS: Record<string, { steps: object[]; ignoreMerges: boolean }> = {
  smollm: { steps: [split(String.raw`\p{N}`), split(GPT2), BYTE_LEVEL], ignoreMerges: false },
  'gpt-2': { steps: [split(GPT2), BYTE_LEVEL], ignoreMerges: false },
  default: { steps: [split(GPT2), BYTE_LEVEL], ignoreMerges: false },
  'llama-bpe': { steps: [split(LLAMA3), BYTE_LEVEL], ignoreMerges: true },
  llama3: { steps: [split(LLAMA3), BYTE_LEVEL], ignoreMerges: true },
  qwen2: { steps: [split(QWEN2), BYTE_LEVEL], ignoreMerges: false },
};
