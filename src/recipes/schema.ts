/**
 * The one definition of a recipe file. A `Recipe` is the file as written (hence snake_case), checked and with
 * its defaults filled in; unknown keys are errors, because a misspelt key would otherwise be silently ignored.
 */
import { z } from 'zod';
import { retentionForm } from './retention-form.js';

const NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/;
const VERSION = /^\d+(\.\d+){1,3}$/;
export const ENV_NAME = /^[A-Z_][A-Z0-9_]{0,127}$/;
export const ARG_NAME = /^[a-z0-9][a-z0-9._-]{0,127}$/;

/** Arguments that dynamo chooses itself; a recipe that sets one would fight with the router or the supervisor. */
export const OWNED_ARGS: ReadonlyMap<string, string> = new Map([
  // vLLM's, and SGLang's where they differ.
  ['host', 'workers listen on loopback only'],
  ['port', 'the stack chooses a free one'],
  ['served-model-name', 'use model.served_name'],
  ['kv-events-config', 'the router needs its own sockets'],
  ['enable-prompt-tokens-details', 'always on: the hit rate is read from it'],
  ['scheduling-policy', 'always priority: without it the engine ignores priorities silently'],
  ['tensor-parallel-size', 'use parallel.tp'],
  ['enable-expert-parallel', 'use parallel.ep'],
  ['data-parallel-size', 'each replica is a worker of its own: use --workers'],
  ['max-model-len', 'use model.context or the variant’s context'],
  ['block-size', 'use block_tokens'],
  ['config', 'a file could set anything: write its options out'],
  ['api-key', 'the gateway has the keys'],
  ['uds', 'workers listen on loopback'],
  ['root-path', 'the gateway asks for vLLM’s own paths'],
  ['allowed-local-media-path', 'images come inside requests, never from files'],
  ['allowed-media-domains', 'images come inside requests, never from the network'],
  ['model-path', 'use checkpoint'],
  ['context-length', 'use model.context or the variant’s context'],
  ['page-size', 'use block_tokens'],
  ['tp-size', 'use parallel.tp'],
  ['ep-size', 'use parallel.ep'],
  ['admin-api-key', 'the gateway has the keys'],
  ['model', 'use checkpoint'],
  ['dp-size', 'each replica is a worker of its own: use --workers'],
  ['enable-cache-report', 'always on: the hit rate is read from it'],
  ['enable-metrics', 'always on: the load is read from it'],
  ['enable-priority-scheduling', 'always on: without it the engine ignores priorities silently'],
  ['default-priority-value', 'always 0: without it a request without a priority comes last'],
  ['kv-cache-memory-bytes', 'use cpu.kv_gib; on GPUs vLLM takes what is left'],
]);

/**
 * What a recipe may put into an engine's environment: settings of engines and of the libraries under them. Anything else
 * could make a process run something (`LD_PRELOAD`, `PYTHONPATH`, `PATH`), and recipes come from other people.
 */
const RECIPE_ENV =
  /^(VLLM|SGLANG|NCCL|CUDA|NVIDIA|UCX|OMP|MKL|TORCH|TORCHINDUCTOR|PYTORCH|TRITON|FLASHINFER|HF|SAFETENSORS|TOKENIZERS|DG|NVSHMEM|GLOO)_[A-Z0-9_]+$/;

const name = z.string().regex(NAME, 'must be lower-case letters, digits, `.`, `_` or `-`');
const sentence = z.string().min(1).max(4_000);
const positive = z.number().positive();
const count = z.int().positive();

const sampling = z.strictObject({
  temperature: z.number().min(0).max(2).optional(),
  top_p: z.number().gt(0).max(1).optional(),
  top_k: z.int().min(0).optional(),
  repetition_penalty: z.number().min(0.5).max(2).optional(),
});

const kv = z.strictObject({
  /** Bytes of KV cache per token over all layers, unsharded. */
  bytes_per_token: positive,
  /** How the figure follows from the model's shape. */
  derivation: sentence,
  /** `heads`: tensor parallelism splits it over the GPUs; `replicated`: every GPU keeps all of it (MLA). */
  sharding: z.enum(['heads', 'replicated']).default('heads'),
  /** KV heads: more GPUs than heads hold copies. */
  heads: count.optional(),
});

const chat = z.strictObject({
  tool_parser: z.string().optional(),
  reasoning_parser: z.string().optional(),
  reasoning: sentence.optional(),
  sampling: sampling.default({}),
});

const model = z.strictObject({
  id: z.string().min(1).max(256),
  served_name: name,
  /** Tokens of prompt and answer together. */
  context: count,
  /** Billions. */
  parameters: z.strictObject({ total_b: positive, active_b: positive }).optional(),
  kv: kv.optional(),
  chat: chat.default({ sampling: {} }),
});

const hardware = z.strictObject({
  /** Family name, see src/plan/hardware.ts. */
  gpu: name,
  count: count,
  /** Who ran it there. */
  source: sentence,
});

const parallel = z.strictObject({
  tp: count.max(64).default(1),
  ep: z.boolean().default(false),
  dp: z.literal(1, 'must be 1: each replica is a worker of its own (`--workers`)').default(1),
});

const tier = z.strictObject({
  name: z.enum(['cpu', 'disk', 'remote']),
  size: z
    .string()
    .regex(/^\d+(\.\d+)?(MiB|GiB|TiB)$/, 'must be a size like 64GiB')
    .optional(),
  at: z.string().max(1_024).optional(),
});

const argValue = z.union([z.string().max(8_192), z.number(), z.boolean()]);

const variantFields = {
  name,
  /** Hub id, or for `embedded` a name of the model catalogue or a path to a GGUF file. */
  checkpoint: z.string().min(1).max(1_024),
  revision: z.string().min(1).max(128).default('main'),
  precision: name,
  /** Weights in 10^9 bytes. */
  weights_gb: positive,
  served_name: name.optional(),
  /** Context of this variant, when it is shorter than the model's. */
  context: count.optional(),
  /** KV bytes per token when the KV type differs from the model's figure. */
  kv_bytes_per_token: positive.optional(),
  block_tokens: z.int().min(1).max(4_096).default(64),
  hardware: z.array(hardware).max(32).default([]),
  env: z
    .record(
      z
        .string()
        .regex(ENV_NAME, 'must look like A_VARIABLE')
        .regex(
          RECIPE_ENV,
          'is not for recipes: only settings of engines are (VLLM_…, NCCL_…); use `--set env.NAME=value`',
        ),
      z.string(),
    )
    .default({}),
  tiers: z.array(tier).max(3).default([]),
  /** `lru` = the engine is told nothing; a table = what is kept unlike the default, by kind of region. */
  retention: z.union([z.enum(['lru', 'selective']), retentionForm]).optional(),
  why: sentence,
};

const vllmVariant = z.strictObject({
  ...variantFields,
  engine: z.literal('vllm'),
  min_engine_version: z.string().regex(VERSION, 'must be a version like 0.19.1'),
  /** Processors instead of GPUs, one per worker (`dynamo engine install vllm --cpu`). */
  cpu: z
    .strictObject({
      /** KV cache of one worker. */
      kv_gib: positive,
      /** Memory of one worker's processes beside weights and KV. */
      process_gib: positive,
    })
    .optional(),
  parallel: parallel.default({ tp: 1, ep: false, dp: 1 }),
  args: z.record(z.string().regex(ARG_NAME, 'must be a flag without its dashes'), argValue).default({}),
});

const sglangVariant = z.strictObject({
  ...variantFields,
  engine: z.literal('sglang'),
  min_engine_version: z.string().regex(VERSION, 'must be a version like 0.5.19'),
  parallel: parallel.default({ tp: 1, ep: false, dp: 1 }),
  args: z.record(z.string().regex(ARG_NAME, 'must be a flag without its dashes'), argValue).default({}),
});

const embeddedVariant = z.strictObject({
  ...variantFields,
  engine: z.literal('embedded'),
  /** Concurrent sequences of one worker, each with a whole context of KV memory; fewer where RAM is short. */
  slots: z.int().min(1).max(64).default(8),
  /** Tensor type the file is converted to once, at first use. */
  requantize: z.literal('q8_0').nullable().default(null),
  /** Bound on the KV memory of all workers together, as a share of the machine's RAM. */
  kv_memory_share: z.number().gt(0).max(0.9).default(0.4),
});

const variant = z.discriminatedUnion('engine', [vllmVariant, sglangVariant, embeddedVariant]);

const harness = z.strictObject({
  /** Tokens a harness should believe the window has. */
  context_window: count.optional(),
  /** Longest answer a harness should ask for, in tokens. */
  output_limit: count.optional(),
});

export const recipeSchema = z
  .strictObject({
    name,
    aliases: z.array(name).max(16).default([]),
    title: sentence,
    family: name,
    licence: z.string().min(1).max(128),
    model,
    variants: z.array(variant).min(1, 'must have at least one variant').max(32),
    defaults: z.strictObject({ workers: count.max(64).optional(), max_tokens: count.optional() }).default({}),
    harness: harness.default({}),
  })
  .superRefine((recipe, context) => {
    const problem = (path: (string | number)[], message: string) =>
      context.addIssue({ code: 'custom', path, message });
    const seen = new Set<string>();
    recipe.variants.forEach((entry, index) => {
      if (seen.has(entry.name)) problem(['variants', index, 'name'], `\`${entry.name}\` is used twice`);
      seen.add(entry.name);
      if ((entry.context ?? 0) > recipe.model.context) {
        problem(['variants', index, 'context'], `must not exceed model.context (${recipe.model.context})`);
      }
      if (entry.engine === 'embedded') return;
      const isOnProcessors = entry.engine === 'vllm' && entry.cpu !== undefined;
      if (!isOnProcessors && entry.hardware.length === 0)
        problem(['variants', index, 'hardware'], 'must name at least one GPU family it runs on');
      if (isOnProcessors && entry.hardware.length > 0)
        problem(['variants', index, 'cpu'], 'is for variants without `hardware`');
      if (recipe.model.kv === undefined) problem(['model', 'kv'], `is needed by ${entry.engine} variants`);
      for (const [flag] of Object.entries(entry.args)) {
        const owner = OWNED_ARGS.get(flag);
        if (owner !== undefined) problem(['variants', index, 'args', flag], `is set by dynamo: ${owner}`);
      }
    });
  });

export type Recipe = z.infer<typeof recipeSchema>;
export type Variant = Recipe['variants'][number];
export type VllmVariant = Extract<Variant, { engine: 'vllm' }>;
export type SglangVariant = Extract<Variant, { engine: 'sglang' }>;
/** On GPUs that each worker has to itself. */
export type GpuVariant = VllmVariant | SglangVariant;
export type EmbeddedVariant = Extract<Variant, { engine: 'embedded' }>;

/** JSON schema of the file for editors (`recipes/recipe.schema.json`). */
export function recipeJsonSchema(): object {
  return z.toJSONSchema(recipeSchema, { io: 'input', target: 'draft-7' });
}
