/** What a model file says about itself, in our words. Reading it costs some 30 ms; no tokenizer is built. */
import { basename } from 'node:path';
import { DynamoError } from '../errors.js';
import { type GgufMetadata, readGgufMetadata } from './gguf.js';

export interface ModelFacts {
  path: string;
  fileBytes: number;
  /** `general.name`, or the file's name without its ending. */
  name: string;
  /** llama.cpp architecture, for example `llama`. */
  architecture: string;
  /** Context the model was trained for, in tokens. */
  contextTokens: number;
  /** Jinja source; null when the file has none. */
  chatTemplate: string | null;
  /** llama.cpp `ftype` number (1 = F16, 3 = Q4_1, 7 = Q8_0, …); null when not told. */
  fileType: number | null;
  vocabTokens: number;
  /** Texts templates refer to as `bos_token` and so on; empty where the model has none. */
  bosToken: string;
  eosToken: string;
  unkToken: string;
  padToken: string;
  bosId: number | null;
  eosId: number | null;
  /** Ids of control tokens. */
  specialIds: number[];
  /** Whether plain (untemplated) text is preceded by the BOS token. */
  addBos: boolean;
  layers: number;
  /** Key/value heads per layer. */
  kvHeads: number;
  /** Elements of one head's key. */
  headDim: number;
  /** Bytes of f16 keys and values one token takes over all layers. */
  kvBytesPerToken: number;
}

const F16_BYTES = 2;
const CONTROL = 3;

/** Rejects with `model_missing`, or `model_invalid` when the file lacks what every language model has. */
export async function loadModelFacts(path: string): Promise<ModelFacts> {
  return modelFacts(await readGgufMetadata(path));
}

/** The same from metadata already read. */
export function modelFacts(metadata: GgufMetadata): ModelFacts {
  const fields = new Fields(metadata);
  const architecture = fields.text('general.architecture') ?? fields.fail('general.architecture');
  const own = (key: string): number =>
    fields.number(`${architecture}.${key}`) ?? fields.fail(`${architecture}.${key}`);
  const tokens = fields.list('tokenizer.ggml.tokens');
  const types = fields.list('tokenizer.ggml.token_type');
  const token = (key: string): string => String(tokens[fields.number(`tokenizer.ggml.${key}`) ?? -1] ?? '');
  return {
    path: metadata.path,
    fileBytes: metadata.fileBytes,
    name: fields.text('general.name') ?? basename(metadata.path).replace(/\.gguf$/i, ''),
    architecture,
    contextTokens: own('context_length'),
    chatTemplate: fields.text('tokenizer.chat_template') ?? null,
    fileType: fields.number('general.file_type') ?? null,
    vocabTokens: tokens.length,
    bosToken: token('bos_token_id'),
    eosToken: token('eos_token_id'),
    unkToken: token('unknown_token_id'),
    padToken: token('padding_token_id'),
    bosId: fields.number('tokenizer.ggml.bos_token_id') ?? null,
    eosId: fields.number('tokenizer.ggml.eos_token_id') ?? null,
    specialIds: types.flatMap((type, id) => (type === CONTROL ? [id] : [])),
    addBos: metadata.values.get('tokenizer.ggml.add_bos_token') === true,
    ...kvShape(fields, architecture, own),
  };
}

/** KV bytes per token = layers × kv heads × (key + value elements) × 2 bytes; per-layer head counts are summed. */
function kvShape(
  fields: Fields,
  architecture: string,
  own: (key: string) => number,
): Pick<ModelFacts, 'layers' | 'kvHeads' | 'headDim' | 'kvBytesPerToken'> {
  const layers = own('block_count');
  const perLayer = fields.list(`${architecture}.attention.head_count_kv`).map(Number);
  const heads = fields.number(`${architecture}.attention.head_count`) ?? 1;
  const kvHeads =
    perLayer.length > 0
      ? Math.max(...perLayer)
      : (fields.number(`${architecture}.attention.head_count_kv`) ?? heads);
  const headDim = fields.number(`${architecture}.attention.key_length`) ?? own('embedding_length') / heads;
  const valueDim = fields.number(`${architecture}.attention.value_length`) ?? headDim;
  const headsOverLayers =
    perLayer.length > 0 ? perLayer.reduce((sum, count) => sum + count, 0) : layers * kvHeads;
  return { layers, kvHeads, headDim, kvBytesPerToken: headsOverLayers * (headDim + valueDim) * F16_BYTES };
}

/** Typed access to metadata values. */
class Fields {
  constructor(private readonly metadata: GgufMetadata) {}

  text(key: string): string | undefined {
    const value = this.metadata.values.get(key);
    return typeof value === 'string' ? value : undefined;
  }

  number(key: string): number | undefined {
    const value = this.metadata.values.get(key);
    return typeof value === 'number' ? value : undefined;
  }

  list(key: string): readonly unknown[] {
    const value = this.metadata.values.get(key);
    return Array.isArray(value) ? value : [];
  }

  fail(key: string): never {
    throw new DynamoError('model_invalid', {
      path: this.metadata.path,
      detail: `it does not say \`${key}\`.`,
    });
  }
}
