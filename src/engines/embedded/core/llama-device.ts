/** libllama as a device: one model, one context, its KV memory. Everything long runs off the event loop. */
import koffi from 'koffi';
import { DynamoError } from '../../../errors.js';
import type { CoreJob, CoreOptions } from '../types.js';
import { Batch } from './batch.js';
import { Candidates } from './candidates.js';
import { CHUNK_ROWS_ALONE, paddedRows } from './chunk-plan.js';
import { type Llama, openLibrary, type Pointer } from './library.js';
import { TokenPicker } from './token-picker.js';
import type { Device, Picker } from './types.js';
import { Vocabulary } from './vocabulary.js';

/** The library rounds a sequence's context up to this many tokens. */
const CONTEXT_STEP = 256;
const FLASH_ATTENTION_ON = 1;

export class LlamaDevice implements Device {
  readonly vocabulary: Vocabulary;
  /** Position encoding of the model, as text for block hashes. */
  readonly rope: string;
  readonly #api: Llama;
  readonly #model: Pointer;
  readonly #context: Pointer;
  readonly #memory: Pointer;
  readonly #batch: Batch;
  readonly #candidates: Candidates;
  /** Reused for copies between slots: fresh memory would cost more page faults than the copy itself. */
  #state = new Uint8Array(0);
  #logits: { address: bigint; view: Float32Array } | null = null;

  private constructor(
    api: Llama,
    model: Pointer,
    context: Pointer,
    private readonly options: CoreOptions,
  ) {
    this.#api = api;
    this.#model = model;
    this.#context = context;
    this.#memory = api.memoryOf(context);
    this.#batch = new Batch(api, CHUNK_ROWS_ALONE);
    this.vocabulary = new Vocabulary(api, api.vocabOf(model));
    this.#candidates = new Candidates(api, this.vocabulary.size);
    this.rope = `${api.ropeType(model)}/${api.ropeScale(model)}/${api.trainedContext(model)}`;
  }

  /** Rejects with `engine_missing`, `model_invalid`, or `start_failed` when the KV memory cannot be had. */
  static async open(options: CoreOptions): Promise<LlamaDevice> {
    const api = openLibrary();
    const model = await loadModel(api, options.modelPath);
    try {
      const context = await openContext(api, model, options);
      return new LlamaDevice(api, model, context, options);
    } catch (error) {
      api.freeModel(model);
      throw error;
    }
  }

  get version(): string {
    return this.#api.version;
  }

  async decode(slot: number, tokens: Uint32Array, position: number, wantsToken: boolean): Promise<void> {
    const end = position + tokens.length;
    const padded = paddedRows(position, tokens.length);
    const rows = position + padded <= slotTokens(this.options) ? padded : tokens.length;
    const batch = this.#batch.of(slot, tokens, { position, rows, wantsLogits: wantsToken });
    const code = await inBackground<number>((done) => this.#api.decode.async(this.#context, batch, done));
    const isTrimmed = rows === tokens.length || (code === 0 && this.trim(slot, end));
    if (code === 0 && isTrimmed) return;
    const detail = `the library returned ${code} for ${rows} rows at position ${position}`;
    throw new DynamoError('internal', { detail });
  }

  trim(slot: number, position: number): boolean {
    const isDone = this.#api.removeFrom(this.#memory, slot, position, -1);
    return isDone && this.#api.lastPosition(this.#memory, slot) < position;
  }

  async copy(from: number, to: number): Promise<boolean> {
    const isWritten = await this.writeState(to, await this.readState(from));
    const last = (slot: number): number => this.#api.lastPosition(this.#memory, slot);
    if (isWritten && last(to) === last(from)) return true;
    this.trim(to, 0);
    return false;
  }

  async readState(slot: number): Promise<Uint8Array> {
    const bytes = Number(this.#api.stateBytes(this.#context, slot));
    if (this.#state.length < bytes) this.#state = new Uint8Array(bytes);
    const read = await inBackground<number | bigint>((done) =>
      this.#api.readState.async(this.#context, this.#state, bytes, slot, done),
    );
    return this.#state.subarray(0, Number(read));
  }

  async writeState(slot: number, state: Uint8Array): Promise<boolean> {
    this.trim(slot, 0);
    const written = await inBackground<number | bigint>((done) =>
      this.#api.writeState.async(this.#context, state, state.length, slot, done),
    );
    if (Number(written) > 0) return true;
    this.trim(slot, 0);
    return false;
  }

  picker(job: CoreJob): Picker {
    const context = {
      api: this.#api,
      vocabulary: this.vocabulary,
      candidates: this.#candidates,
      logits: () => this.#lastLogits(),
    };
    return new TokenPicker(context, job);
  }

  isEndOfGeneration(token: number): boolean {
    return this.vocabulary.isEndOfGeneration(token);
  }

  free(): void {
    this.#candidates.free();
    this.#batch.free();
    this.#api.freeContext(this.#context);
    this.#api.freeModel(this.#model);
    this.#state = new Uint8Array(0);
    this.#logits = null;
  }

  /** Logits of the last row that wanted them; the library keeps them in one place, so the view is kept too. */
  #lastLogits(): Float32Array {
    const address = this.#api.logits(this.#context, -1);
    if (address === null) throw new Error('the library has no logits of the last decode');
    if (this.#logits?.address !== address) {
      const view = new Float32Array(koffi.view(address, this.vocabulary.size * 4));
      this.#logits = { address, view };
    }
    return this.#logits.view;
  }
}

async function loadModel(api: Llama, path: string): Promise<Pointer> {
  // No layer goes to a GPU: one thread of the CPU per worker is what plans and measurements assume.
  const params = { ...api.modelDefaults(), n_gpu_layers: 0 };
  const model = await inBackground<Pointer>((done) => api.loadModel.async(path, params, done));
  if (model === null)
    throw new DynamoError('model_invalid', { path, detail: 'the library refused to load it.' });
  if (!api.isRecurrent(model) && !api.isHybrid(model)) return model;
  api.freeModel(model);
  const detail = 'its state is recurrent, so a prefix cannot be reused; only attention models are supported.';
  throw new DynamoError('model_invalid', { path, detail });
}

async function openContext(api: Llama, model: Pointer, options: CoreOptions): Promise<Pointer> {
  const params = {
    ...api.contextDefaults(),
    n_ctx: slotTokens(options) * options.slots,
    n_seq_max: options.slots,
    n_batch: CHUNK_ROWS_ALONE,
    n_ubatch: CHUNK_ROWS_ALONE,
    // Two threads on shared cores spin at barriers when one core is taken: up to 40 × slower decode.
    n_threads: 1,
    n_threads_batch: 1,
    flash_attn_type: FLASH_ATTENTION_ON,
    op_offload: false,
    // A unified cache would let a neighbour's tokens change the last digits of a result.
    kv_unified: false,
  };
  const context = await inBackground<Pointer>((done) => api.newContext.async(model, params, done));
  if (context !== null && api.contextPerSequence(context) >= options.contextTokens) return context;
  if (context !== null) api.freeContext(context);
  throw new DynamoError('start_failed', {
    detail: `no KV memory for ${options.slots} slots of ${options.contextTokens} tokens`,
    remedy: 'Use fewer slots, fewer workers or a shorter context.',
  });
}

/** Tokens a slot really has room for. */
function slotTokens({ contextTokens }: CoreOptions): number {
  return Math.ceil(contextTokens / CONTEXT_STEP) * CONTEXT_STEP;
}

/** A koffi call on a worker thread. Everything it points to is held by the caller until it ends. */
function inBackground<Result>(
  call: (done: (error: Error | null, result: Result) => void) => void,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    call((error, result) => (error ? reject(error) : resolve(result)));
  });
}
