/** Next-token choice of one job through libllama's own samplers. */
import { randomInt } from 'node:crypto';
import { DynamoError } from '../../../errors.js';
import { LIMITS } from '../../../limits.js';
import type { CoreJob, CoreSampling, TokenLogprobs } from '../types.js';
import type { Candidates, Weights } from './candidates.js';
import { requireShallow } from './grammar-depth.js';
import type { Llama, Pointer } from './library.js';
import { logprobsOf } from './logprobs.js';
import { Penalties } from './penalties.js';
import type { Picker } from './types.js';
import type { Vocabulary } from './vocabulary.js';

export interface PickerContext {
  api: Llama;
  vocabulary: Vocabulary;
  /** Shared by all pickers; used only within one `pick`. */
  candidates: Candidates;
  /** Logits of the decode just finished. */
  logits(): Float32Array;
}

const SEED_MAX = 0xffff_fffe;

export class TokenPicker implements Picker {
  readonly #context: PickerContext;
  readonly #job: CoreJob;
  readonly #weights: Weights;
  #chain: Pointer;
  #grammar: Pointer;

  /** Throws `invalid_request` when the grammar does not parse. */
  constructor(context: PickerContext, job: CoreJob) {
    this.#context = context;
    this.#job = job;
    this.#grammar = openGrammar(context, job.sampling.grammar);
    // Where a grammar is complete only end tokens are left, so it cannot be told to ignore them.
    const isMasked = job.ignoreEos === true && this.#grammar === null;
    this.#weights = {
      bias: job.sampling.logitBias,
      penalties: Penalties.of(job),
      mask: isMasked ? context.vocabulary.endTokens() : undefined,
    };
    this.#chain = openChain(context, job.sampling);
  }

  pick(): { token: number; logprobs?: TokenLogprobs } {
    const logits = this.#context.logits();
    const token = this.#choose(logits);
    if (!this.#context.vocabulary.isEndOfGeneration(token)) this.#accept(token);
    if (this.#job.logprobs === undefined) return { token };
    const count = Math.min(this.#job.logprobs, LIMITS.logprobsTop);
    return { token, logprobs: logprobsOf(logits, token, count) };
  }

  take(token: number): void {
    this.#accept(token);
  }

  free(): void {
    const { api } = this.#context;
    if (this.#chain !== null) api.freeSampler(this.#chain);
    if (this.#grammar !== null) api.freeSampler(this.#grammar);
    this.#chain = null;
    this.#grammar = null;
  }

  /** Most choices satisfy the grammar, so it is asked about the one token first: testing all takes milliseconds. */
  #choose(logits: Float32Array): number {
    const { candidates } = this.#context;
    candidates.fill(logits, this.#weights);
    candidates.apply(this.#chain);
    const free = candidates.selected();
    if (this.#grammar === null) return free ?? nothingLeft();
    if (free !== null && this.#allows(free)) return free;
    candidates.fill(logits, this.#weights);
    candidates.apply(this.#grammar);
    candidates.apply(this.#chain);
    return candidates.selected() ?? nothingLeft();
  }

  #allows(token: number): boolean {
    const { candidates } = this.#context;
    candidates.fillOne(token);
    candidates.apply(this.#grammar);
    return candidates.firstLogit > Number.NEGATIVE_INFINITY;
  }

  #accept(token: number): void {
    const { api } = this.#context;
    this.#weights.penalties?.take(token);
    api.acceptToken(this.#chain, token);
    if (this.#grammar !== null) api.acceptToken(this.#grammar, token);
  }
}

function openGrammar({ api, vocabulary }: PickerContext, text: string | undefined): Pointer {
  if (text === undefined) return null;
  // The library takes empty text for "no constraint".
  if (text.trim() === '') throw new DynamoError('invalid_request', { detail: 'The grammar is empty.' });
  requireShallow(text);
  const grammar = api.grammar(vocabulary.pointer, text, 'root');
  if (grammar !== null) return grammar;
  throw new DynamoError('invalid_request', { detail: 'The grammar is not valid GBNF with a rule `root`.' });
}

/** Order as in llama.cpp: after bias and penalties top-k, top-p, min-p, temperature, draw. */
function openChain({ api }: PickerContext, sampling: CoreSampling): Pointer {
  const chain = api.newChain();
  const add = (sampler: Pointer): void => api.addToChain(chain, sampler);
  if (!(sampling.temperature > 0)) {
    add(api.greedy());
    return chain;
  }
  if (sampling.topK > 0) add(api.topK(sampling.topK));
  if (sampling.topP < 1) add(api.topP(sampling.topP, 1));
  if (sampling.minP > 0) add(api.minP(sampling.minP, 1));
  add(api.temperature(sampling.temperature));
  add(api.distribution(seedOf(sampling)));
  return chain;
}

/** libllama reads the largest u32 as "random", which would make a client's own seed of that value irreproducible. */
function seedOf({ seed }: CoreSampling): number {
  if (seed === undefined) return randomInt(SEED_MAX);
  return (seed >>> 0) % (SEED_MAX + 1);
}

function nothingLeft(): never {
  throw new DynamoError('invalid_request', {
    detail: 'The grammar or logit bias leaves no token to choose.',
  });
}
