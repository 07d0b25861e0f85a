/** A model's tokenizer and template as its repository has them: `tokenizer.json`, `tokenizer_config.json`, maybe a `.jinja`. */
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { Tokenizer as HubTokenizer } from '@huggingface/tokenizers';
import { DynamoError } from '../errors.js';
import { plainEncoder } from './bpe/plain-encoder.js';
import { compileChatTemplate } from './chat-template.js';
import { loadLocalModel, type PromptModel } from './local-model.js';
import { type SpecialToken, settledChars, specialSplitter } from './special-splitter.js';
import { joinTokens, type Tokenizer } from './tokenizer.js';

/** A vocabulary of 250,000 tokens takes some 40 MB. */
const FILE_BYTES_MAX = 256 * 1024 * 1024;

/** What template and tokenizer are read from. */
export interface PromptFile {
  path: string;
  /** A GGUF file, whatever its name. */
  isModel: boolean;
}

/** Rejects with `model_missing` or `model_invalid`. */
export function loadPromptModel({ path: at, isModel }: PromptFile): Promise<PromptModel> {
  return isModel ? loadLocalModel(at) : loadTokenizerModel(at);
}

type Json = Record<string, unknown>;

/**
 * `at` = a GGUF file, a `tokenizer.json`, or the folder it lies in. Rejects with `model_missing` or `model_invalid`.
 * Only what the prompt room needs is known: facts of the weights are not.
 */
export async function loadTokenizerModel(at: string): Promise<PromptModel> {
  if (at.endsWith('.gguf')) return loadLocalModel(at);
  const info = await stat(at).catch(() => null);
  if (info === null)
    throw new DynamoError('model_missing', { path: at, remedy: 'Check the --tokenizer path.' });
  const folder = info.isDirectory() ? at : path.dirname(at);
  const file = info.isDirectory() ? path.join(at, 'tokenizer.json') : at;
  const config = (await readJson(path.join(folder, 'tokenizer_config.json'), { isOptional: true })) ?? {};
  const source = (await readTemplate(folder)) ?? templateOf(config);
  if (source === null)
    throw invalid(folder, 'it has no chat template (tokenizer_config.json or chat_template.jinja).');
  const template = compileChatTemplate(source, {
    bosToken: text(config['bos_token']),
    eosToken: text(config['eos_token']),
    unkToken: text(config['unk_token']),
    padToken: text(config['pad_token']),
  });
  const json = (await readJson(file, { isOptional: false })) as Json;
  const bos = template.specials.bosToken;
  return {
    tokenizer: hubTokenizer(json, config, file),
    template,
    leadToken:
      config['add_bos_token'] === true
        ? (addedTokens(json).find(({ text: own }) => own === bos)?.id ?? null)
        : null,
  };
}

/** Special tokens are cut out first, so that texts between them can be cached. */
function hubTokenizer(json: Json, config: Json, file: string): Tokenizer {
  let hub: HubTokenizer;
  try {
    hub = new HubTokenizer(json, config);
  } catch (error) {
    throw invalid(file, `its tokenizer cannot be built (${(error as Error).message}).`);
  }
  const specials = addedTokens(json);
  const segments = specialSplitter(specials);
  const encodePlain = plainEncoder(hub, json);
  const decode = (tokens: ArrayLike<number>): string =>
    tokens.length === 0
      ? ''
      : hub.decode(Array.from(tokens), { skip_special_tokens: false, clean_up_tokenization_spaces: false });
  return {
    vocabTokens: vocabularySize(json, specials.length),
    settledChars: settledChars(specials),
    encodePlain,
    segments,
    encode: (whole) =>
      joinTokens(
        segments(whole).map((part) =>
          part.special < 0 ? encodePlain(part.text) : Uint32Array.of(part.special),
        ),
      ),
    decode,
    byteLength: (token) => Buffer.byteLength(decode([token])),
  };
}

function addedTokens(json: Json): SpecialToken[] {
  const added = Array.isArray(json['added_tokens']) ? (json['added_tokens'] as Json[]) : [];
  return added.flatMap(({ id, content }) =>
    Number.isInteger(id) && typeof content === 'string' ? [{ id: id as number, text: content }] : [],
  );
}

function vocabularySize(json: Json, specials: number): number {
  const vocab = (json['model'] as Json | undefined)?.['vocab'];
  const size = Array.isArray(vocab) ? vocab.length : Object.keys((vocab as object | undefined) ?? {}).length;
  return size + specials;
}

async function readTemplate(folder: string): Promise<string | null> {
  return readFile(path.join(folder, 'chat_template.jinja'), 'utf8').catch(() => null);
}

/** One template, or a list of named ones: the default one is meant. */
function templateOf(config: Json): string | null {
  const value = config['chat_template'];
  if (typeof value === 'string') return value;
  if (!Array.isArray(value)) return null;
  const named = value as { name?: unknown; template?: unknown }[];
  const found = named.find(({ name }) => name === 'default') ?? named[0];
  return typeof found?.template === 'string' ? found.template : null;
}

async function readJson(file: string, { isOptional }: { isOptional: boolean }): Promise<Json | null> {
  const info = await stat(file).catch(() => null);
  if (info === null) {
    if (isOptional) return null;
    throw new DynamoError('model_missing', {
      path: file,
      remedy: 'Give --tokenizer the folder of the model.',
    });
  }
  if (info.size > FILE_BYTES_MAX) throw invalid(file, `it is larger than ${FILE_BYTES_MAX} bytes.`);
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Json;
  } catch (error) {
    throw invalid(file, `it is not valid JSON (${(error as Error).message}).`);
  }
}

/** Names of special tokens are texts, or objects with a content. */
function text(value: unknown): string {
  if (typeof value === 'string') return value;
  const { content } = (value ?? {}) as { content?: unknown };
  return typeof content === 'string' ? content : '';
}

const invalid = (file: string, detail: string): DynamoError =>
  new DynamoError('model_invalid', { path: file, detail });
