/**
 * Penalties on tokens that came before, as in vLLM: repetition looks at prompt and output, frequency and presence at the
 * output alone. Not by the library's own sampler: there a penalty came and went from request to request, depending on what
 * samplers had been freed before.
 */
import type { CoreJob } from '../types.js';

export class Penalties {
  readonly #repetition: number;
  readonly #frequency: number;
  readonly #presence: number;
  /** Tokens of prompt and output, each once; empty where repetition costs nothing. */
  readonly #seen: Set<number>;
  /** How often the output has a token. */
  readonly #said = new Map<number, number>();

  private constructor({ tokens, sampling }: Pick<CoreJob, 'tokens' | 'sampling'>) {
    this.#repetition = sampling.repetitionPenalty;
    this.#frequency = sampling.frequencyPenalty;
    this.#presence = sampling.presencePenalty;
    this.#seen = new Set(this.#repetition === 1 ? [] : tokens);
  }

  /** Null for a job without any. */
  static of(job: Pick<CoreJob, 'tokens' | 'sampling'>): Penalties | null {
    const { repetitionPenalty, frequencyPenalty, presencePenalty } = job.sampling;
    const isNone = repetitionPenalty === 1 && frequencyPenalty === 0 && presencePenalty === 0;
    return isNone ? null : new Penalties(job);
  }

  /** The output grew by a token. */
  take(token: number): void {
    if (this.#repetition !== 1) this.#seen.add(token);
    this.#said.set(token, (this.#said.get(token) ?? 0) + 1);
  }

  /** Changes the logits of tokens that came before: `floats[id * stride + 1]`. */
  weigh(floats: Float32Array, stride: number): void {
    for (const id of this.#seen) {
      const at = id * stride + 1;
      const logit = floats[at] as number;
      floats[at] = logit <= 0 ? logit * this.#repetition : logit / this.#repetition;
    }
    if (this.#frequency === 0 && this.#presence === 0) return;
    for (const [id, count] of this.#said) {
      const at = id * stride + 1;
      floats[at] = (floats[at] as number) - count * this.#frequency - this.#presence;
    }
  }
}
