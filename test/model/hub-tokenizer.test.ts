import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadTokenizerModel } from '../../src/model/hub-tokenizer.js';

const TOKENIZER = {
  version: '1.0',
  added_tokens: [
    {
      id: 6,
      content: '<|im_start|>',
      special: true,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
    },
    {
      id: 7,
      content: '<s>',
      special: true,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
    },
  ],
  normalizer: null,
  pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
  post_processor: null,
  decoder: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
  model: {
    type: 'BPE',
    dropout: null,
    unk_token: null,
    continuing_subword_prefix: null,
    end_of_word_suffix: null,
    fuse_unk: false,
    byte_fallback: false,
    vocab: { a: 0, b: 1, c: 2, ab: 3, Ġ: 4, ':': 5 },
    merges: ['a b'],
  },
};
const TEMPLATE = "{% for m in messages %}<|im_start|>{{ m['content'] }}{% endfor %}";

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'dynamo-tokenizer-'));
});
afterEach(() => rm(folder, { recursive: true }));

const put = (name: string, value: unknown) =>
  writeFile(path.join(folder, name), typeof value === 'string' ? value : JSON.stringify(value));

describe("a repository's tokenizer", () => {
  it('gives tokens, special ones whole, from the folder or the file', async () => {
    await put('tokenizer.json', TOKENIZER);
    await put('tokenizer_config.json', {
      chat_template: TEMPLATE,
      bos_token: { content: '<s>' },
      add_bos_token: true,
    });
    for (const at of [folder, path.join(folder, 'tokenizer.json')]) {
      const { tokenizer, leadToken } = await loadTokenizerModel(at);
      expect([...tokenizer.encode('abc<|im_start|>b')]).toEqual([3, 2, 6, 1]);
      expect(tokenizer.decode([3, 2, 6])).toBe('abc<|im_start|>');
      expect(leadToken).toBe(7);
    }
  });

  it('takes a template file before the one in the configuration, and the default of several', async () => {
    await put('tokenizer.json', TOKENIZER);
    const named = [
      { name: 'tool_use', template: 'x' },
      { name: 'default', template: TEMPLATE },
    ];
    await put('tokenizer_config.json', { chat_template: named });
    expect((await loadTokenizerModel(folder)).template.readsTools).toBe(false);
    await put('chat_template.jinja', '{{ tools }}');
    expect((await loadTokenizerModel(folder)).template.readsTools).toBe(true);
  });

  it('says what is missing or broken', async () => {
    await expect(loadTokenizerModel(path.join(folder, 'gone'))).rejects.toMatchObject({
      code: 'model_missing',
    });
    await put('tokenizer_config.json', { chat_template: TEMPLATE });
    await expect(loadTokenizerModel(folder)).rejects.toMatchObject({ code: 'model_missing' });
    await put('tokenizer.json', '{');
    await expect(loadTokenizerModel(folder)).rejects.toThrow(/not valid JSON/);
    await put('tokenizer.json', TOKENIZER);
    await put('tokenizer_config.json', {});
    await expect(loadTokenizerModel(folder)).rejects.toThrow(/no chat template/);
  });
});
