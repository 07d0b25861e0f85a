/**
 * What we believe of libllama's binary interface, and the check of that belief. libllama has no stable ABI:
 * structs passed by value grow between releases, and a wrong layout would corrupt memory instead of failing.
 * So only known versions are accepted, and every default of every parameter struct is compared with the stored
 * one before the first model is loaded: a moved or resized field shows up as a wrong default.
 */

export const KNOWN_VERSIONS: ReadonlySet<string> = new Set(['0.4.0-dev', '0.5.0-dev']);

export type Defaults = Record<string, number | boolean | null>;

/** Field name → koffi type, in memory order. Checked with a C program against the header of v0.4.0 and v0.5.0. */
export const STRUCTS = {
  llama_model_params: {
    devices: 'void*',
    tensor_buft_overrides: 'void*',
    n_gpu_layers: 'int32',
    split_mode: 'int',
    load_mode: 'int',
    lazy_mode: 'int',
    main_gpu: 'int32',
    tensor_split: 'void*',
    progress_callback: 'void*',
    progress_callback_user_data: 'void*',
    kv_overrides: 'void*',
    vocab_only: 'bool',
    check_tensors: 'bool',
    use_extra_bufts: 'bool',
    no_host: 'bool',
    no_alloc: 'bool',
    load_mtp: 'bool',
  },
  llama_context_params: {
    n_ctx: 'uint32',
    n_batch: 'uint32',
    n_ubatch: 'uint32',
    n_seq_max: 'uint32',
    n_rs_seq: 'uint32',
    n_outputs_max: 'uint32',
    n_outputs_max_per_seq: 'uint32',
    n_threads: 'int32',
    n_threads_batch: 'int32',
    ctx_type: 'int',
    rope_scaling_type: 'int',
    pooling_type: 'int',
    attention_type: 'int',
    flash_attn_type: 'int',
    rope_freq_base: 'float',
    rope_freq_scale: 'float',
    yarn_ext_factor: 'float',
    yarn_attn_factor: 'float',
    yarn_beta_fast: 'float',
    yarn_beta_slow: 'float',
    yarn_orig_ctx: 'uint32',
    defrag_thold: 'float',
    cb_eval: 'void*',
    cb_eval_user_data: 'void*',
    type_k: 'int',
    type_v: 'int',
    abort_callback: 'void*',
    abort_callback_data: 'void*',
    embeddings: 'bool',
    offload_kqv: 'bool',
    no_perf: 'bool',
    op_offload: 'bool',
    swa_full: 'bool',
    kv_unified: 'bool',
    samplers: 'void*',
    n_samplers: 'size_t',
    ctx_other: 'void*',
  },
  llama_model_quantize_params: {
    nthread: 'int32',
    ftype: 'int',
    output_tensor_type: 'int',
    token_embedding_type: 'int',
    allow_requantize: 'bool',
    quantize_output_tensor: 'bool',
    only_copy: 'bool',
    pure: 'bool',
    keep_split: 'bool',
    dry_run: 'bool',
    imatrix: 'void*',
    kv_overrides: 'void*',
    tt_overrides: 'void*',
    prune_layers: 'void*',
    max_buf_size: 'size_t',
  },
  llama_batch: {
    n_tokens: 'int32',
    token: 'void*',
    embd: 'void*',
    pos: 'void*',
    n_seq_id: 'void*',
    seq_id: 'void*',
    logits: 'void*',
  },
  llama_sampler_chain_params: { no_perf: 'bool' },
} as const;

/** Bytes of each struct on the 64-bit platforms we ship for. */
export const STRUCT_BYTES: Record<keyof typeof STRUCTS, number> = {
  llama_model_params: 80,
  llama_context_params: 160,
  llama_model_quantize_params: 64,
  llama_batch: 56,
  llama_sampler_chain_params: 1,
};

/** Defaults that are not null, false or 0; read from v0.4.0 and v0.5.0, which agree. */
const NOTABLE_DEFAULTS = {
  llama_model_params: { n_gpu_layers: -1, split_mode: 1, load_mode: -1, lazy_mode: 1, use_extra_bufts: true },
  llama_context_params: {
    n_ctx: 512,
    n_batch: 2048,
    n_ubatch: 512,
    n_seq_max: 1,
    n_outputs_max_per_seq: 1,
    n_threads: 4,
    n_threads_batch: 4,
    rope_scaling_type: -1,
    pooling_type: -1,
    attention_type: -1,
    flash_attn_type: -1,
    yarn_ext_factor: -1,
    yarn_attn_factor: -1,
    yarn_beta_fast: -1,
    yarn_beta_slow: -1,
    defrag_thold: -1,
    type_k: 1,
    type_v: 1,
    offload_kqv: true,
    no_perf: true,
    op_offload: true,
    swa_full: true,
  },
  llama_model_quantize_params: {
    ftype: 7,
    // GGML_TYPE_COUNT means "not set"; it grows with each new tensor type.
    output_tensor_type: 43,
    token_embedding_type: 43,
    quantize_output_tensor: true,
    max_buf_size: 8_589_934_592,
  },
} satisfies Record<string, Record<string, number | boolean>>;

export type CheckedStruct = keyof typeof NOTABLE_DEFAULTS;
export const CHECKED_STRUCTS = Object.keys(NOTABLE_DEFAULTS) as CheckedStruct[];

/** The stored defaults of one struct, every field named. */
export function expectedDefaults(struct: CheckedStruct): Defaults {
  const notable: Defaults = NOTABLE_DEFAULTS[struct];
  return Object.fromEntries(
    Object.entries(STRUCTS[struct]).map(([field, type]) => [field, notable[field] ?? zeroOf(type)]),
  );
}

/** Differences between the stored defaults and those read from the library, one phrase each; empty when equal. */
export function defaultProblems(struct: CheckedStruct, actual: Defaults): string[] {
  return Object.entries(expectedDefaults(struct))
    .filter(([field, value]) => actual[field] !== value)
    .map(([field, value]) => `${struct}.${field} is ${String(actual[field])}, expected ${String(value)}`);
}

function zeroOf(type: string): number | boolean | null {
  if (type === 'void*') return null;
  return type === 'bool' ? false : 0;
}
