/**
 * libllama through koffi: loading, ABI guards and the functions we use, typed.
 *
 * Traps (measured, not in the header): backends must be loaded before the first model; the log callback would be
 * called from other threads, so it must not be JavaScript; no function of a context may run while a decode of
 * that context is in flight (the caller's duty); positions must be consecutive per sequence.
 */
import koffi, { type LibraryHandle } from 'koffi';
import { DynamoError } from '../../../errors.js';
import {
  CHECKED_STRUCTS,
  type Defaults,
  defaultProblems,
  KNOWN_VERSIONS,
  STRUCT_BYTES,
  STRUCTS,
} from './abi.js';
import { findLibrary, type LibraryFiles } from './platform-package.js';

/** Address in native memory; null is the null pointer. */
export type Pointer = bigint | null;

type Async<Args extends unknown[], Result> = ((...args: Args) => Result) & {
  async: (...args: [...Args, (error: Error | null, result: Result) => void]) => void;
};

/** `llama_batch` by value; the arrays are views on native memory. */
export interface BatchStruct {
  n_tokens: number;
  token: bigint;
  pos: bigint;
  n_seq_id: bigint;
  seq_id: bigint;
  logits: bigint;
}

export type Llama = ReturnType<typeof bind> & { version: string };

/** Native frames run on koffi's own stacks; its 128 KiB for asynchronous calls is little for a whole graph. */
const ASYNC_STACK_BYTES = 4 * 1024 * 1024;
const SYNC_STACK_BYTES = 8 * 1024 * 1024;

let opened: Llama | null = null;

/** Loads the library once per process and checks its ABI. Throws `engine_missing` with the reason. */
export function openLibrary(): Llama {
  opened ??= open(findLibrary());
  return opened;
}

function open(files: LibraryFiles): Llama {
  try {
    koffi.config({ async_stack_size: ASYNC_STACK_BYTES, sync_stack_size: SYNC_STACK_BYTES });
    // Loaded first, by full path, so that Windows finds them by name when libllama asks for them.
    koffi.load(files.ggmlBase);
    const ggml = koffi.load(files.ggml);
    const llama = koffi.load(files.llama);
    const version: string = llama.func('const char* llama_version()')();
    if (!KNOWN_VERSIONS.has(version)) {
      throw refusal(`libllama ${version} is not one of ${[...KNOWN_VERSIONS].join(', ')}`);
    }
    defineStructs();
    const api = { ...bind(llama, ggml), version };
    checkDefaults(api);
    // Any harmless exported function silences the log: its arguments stay in registers it does not read.
    api.logSet(llama.symbol('llama_supports_mmap'), null);
    api.loadBackends(files.dir);
    api.backendInit();
    return api;
  } catch (error) {
    if (error instanceof DynamoError) throw error;
    throw refusal(error instanceof Error ? error.message : String(error), error);
  }
}

function defineStructs(): void {
  for (const [name, fields] of Object.entries(STRUCTS)) {
    const type = koffi.struct(name, fields);
    const bytes = STRUCT_BYTES[name as keyof typeof STRUCTS];
    if (type.size !== bytes) throw refusal(`${name} would have ${type.size} bytes here, expected ${bytes}`);
  }
}

function checkDefaults(api: ReturnType<typeof bind>): void {
  const actual = {
    llama_model_params: api.modelDefaults(),
    llama_context_params: api.contextDefaults(),
    llama_model_quantize_params: api.quantizeDefaults(),
  };
  const problems = CHECKED_STRUCTS.flatMap((struct) => defaultProblems(struct, actual[struct]));
  if (problems.length > 0) throw refusal(`its interface differs from the known one: ${problems.join('; ')}`);
}

function bind(llama: LibraryHandle, ggml: LibraryHandle) {
  return {
    logSet: llama.func('void llama_log_set(void*, void*)') as (callback: unknown, data: null) => void,
    loadBackends: ggml.func('void ggml_backend_load_all_from_path(const char*)') as (dir: string) => void,
    backendInit: llama.func('void llama_backend_init()') as () => void,
    modelDefaults: llama.func('llama_model_params llama_model_default_params()') as () => Defaults,
    contextDefaults: llama.func('llama_context_params llama_context_default_params()') as () => Defaults,
    ...bindModel(llama),
    ...bindContext(llama),
    ...bindSamplers(llama),
    ...bindQuantize(llama),
  };
}

function bindModel(llama: LibraryHandle) {
  return {
    loadModel: llama.func('void* llama_model_load_from_file(const char*, llama_model_params)') as Async<
      [path: string, params: Defaults],
      Pointer
    >,
    freeModel: llama.func('void llama_model_free(void*)') as (model: Pointer) => void,
    vocabOf: llama.func('void* llama_model_get_vocab(void*)') as (model: Pointer) => Pointer,
    trainedContext: llama.func('int32 llama_model_n_ctx_train(void*)') as (model: Pointer) => number,
    ropeType: llama.func('int llama_model_rope_type(void*)') as (model: Pointer) => number,
    ropeScale: llama.func('float llama_model_rope_freq_scale_train(void*)') as (model: Pointer) => number,
    isRecurrent: llama.func('bool llama_model_is_recurrent(void*)') as (model: Pointer) => boolean,
    isHybrid: llama.func('bool llama_model_is_hybrid(void*)') as (model: Pointer) => boolean,
    slidingWindow: llama.func('int32 llama_model_n_swa(void*)') as (model: Pointer) => number,
    vocabSize: llama.func('int32 llama_vocab_n_tokens(void*)') as (vocab: Pointer) => number,
    isEndOfGeneration: llama.func('bool llama_vocab_is_eog(void*, int32)') as (
      vocab: Pointer,
      token: number,
    ) => boolean,
    /** Negative result = minus the count that is needed. */
    tokenize: llama.func(
      'int32 llama_tokenize(void*, const uint8*, int32, _Out_ int32*, int32, bool, bool)',
    ) as (
      vocab: Pointer,
      text: Uint8Array,
      textBytes: number,
      tokens: Int32Array,
      tokensMax: number,
      addSpecial: boolean,
      parseSpecial: boolean,
    ) => number,
    /** Negative result = minus the bytes that are needed. */
    tokenToPiece: llama.func(
      'int32 llama_token_to_piece(void*, int32, _Out_ uint8*, int32, int32, bool)',
    ) as (
      vocab: Pointer,
      token: number,
      bytes: Uint8Array,
      bytesMax: number,
      lstrip: number,
      special: boolean,
    ) => number,
  };
}

function bindContext(llama: LibraryHandle) {
  return {
    newContext: llama.func('void* llama_init_from_model(void*, llama_context_params)') as Async<
      [model: Pointer, params: Defaults],
      Pointer
    >,
    freeContext: llama.func('void llama_free(void*)') as (context: Pointer) => void,
    contextPerSequence: llama.func('uint32 llama_n_ctx_seq(void*)') as (context: Pointer) => number,
    memoryOf: llama.func('void* llama_get_memory(void*)') as (context: Pointer) => Pointer,
    newBatch: llama.func('llama_batch llama_batch_init(int32, int32, int32)') as (
      tokensMax: number,
      embd: number,
      sequencesMax: number,
    ) => BatchStruct,
    freeBatch: llama.func('void llama_batch_free(llama_batch)') as (batch: BatchStruct) => void,
    /** 0 = done, 1 = no room in the KV memory, 2 = aborted, negative = error. */
    decode: llama.func('int32 llama_decode(void*, llama_batch)') as Async<
      [context: Pointer, batch: BatchStruct],
      number
    >,
    logits: llama.func('void* llama_get_logits_ith(void*, int32)') as (
      context: Pointer,
      row: number,
    ) => Pointer,
    removeFrom: llama.func('bool llama_memory_seq_rm(void*, int32, int32, int32)') as (
      memory: Pointer,
      sequence: number,
      from: number,
      to: number,
    ) => boolean,
    /** Last position of a sequence, -1 when it is empty. */
    lastPosition: llama.func('int32 llama_memory_seq_pos_max(void*, int32)') as (
      memory: Pointer,
      sequence: number,
    ) => number,
    stateBytes: llama.func('size_t llama_state_seq_get_size(void*, int32)') as (
      context: Pointer,
      sequence: number,
    ) => number | bigint,
    readState: llama.func('size_t llama_state_seq_get_data(void*, void*, size_t, int32)') as Async<
      [context: Pointer, bytes: Uint8Array, size: number, sequence: number],
      number | bigint
    >,
    /** 0 = refused. */
    writeState: llama.func('size_t llama_state_seq_set_data(void*, void*, size_t, int32)') as Async<
      [context: Pointer, bytes: Uint8Array, size: number, sequence: number],
      number | bigint
    >,
  };
}

function bindSamplers(llama: LibraryHandle) {
  const sampler = (definition: string) => llama.func(`void* llama_sampler_init_${definition}`);
  const chainDefaults = llama.func('llama_sampler_chain_params llama_sampler_chain_default_params()');
  const newChain = llama.func('void* llama_sampler_chain_init(llama_sampler_chain_params)');
  return {
    newChain: () => newChain(chainDefaults()) as Pointer,
    addToChain: llama.func('void llama_sampler_chain_add(void*, void*)') as (
      chain: Pointer,
      sampler: Pointer,
    ) => void,
    greedy: sampler('greedy()') as () => Pointer,
    temperature: sampler('temp(float)') as (temperature: number) => Pointer,
    topK: sampler('top_k(int32)') as (k: number) => Pointer,
    topP: sampler('top_p(float, size_t)') as (p: number, keepMin: number) => Pointer,
    minP: sampler('min_p(float, size_t)') as (p: number, keepMin: number) => Pointer,
    distribution: sampler('dist(uint32)') as (seed: number) => Pointer,
    /** Null when the grammar cannot be parsed. */
    grammar: sampler('grammar(void*, const char*, const char*)') as (
      vocab: Pointer,
      text: string,
      root: string,
    ) => Pointer,
    applySampler: llama.func('void llama_sampler_apply(void*, void*)') as (
      sampler: Pointer,
      candidates: Uint8Array,
    ) => void,
    acceptToken: llama.func('void llama_sampler_accept(void*, int32)') as (
      sampler: Pointer,
      token: number,
    ) => void,
    freeSampler: llama.func('void llama_sampler_free(void*)') as (sampler: Pointer) => void,
  };
}

function bindQuantize(llama: LibraryHandle) {
  return {
    quantizeDefaults: llama.func(
      'llama_model_quantize_params llama_model_quantize_default_params()',
    ) as () => Defaults,
    /** 0 = done. */
    quantize: llama.func(
      'uint32 llama_model_quantize(const char*, const char*, llama_model_quantize_params*)',
    ) as (source: string, target: string, params: Defaults) => number,
  };
}

function refusal(detail: string, cause?: unknown): DynamoError {
  const remedy = 'Install the packages of the lockfile again: `npm ci`.';
  return new DynamoError('engine_missing', { engine: 'embedded', detail, remedy }, { cause });
}
