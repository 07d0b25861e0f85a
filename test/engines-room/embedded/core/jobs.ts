/** Runs jobs on anything that takes them and collects what their callbacks tell. */
import type {
  CoreFinish,
  CoreHandle,
  CoreJob,
  CoreKvEvent,
  CoreSampling,
  TokenLogprobs,
} from '../../../../src/engines/embedded/types.js';

export const GREEDY: CoreSampling = {
  temperature: 0,
  topP: 1,
  topK: 0,
  minP: 0,
  frequencyPenalty: 0,
  presencePenalty: 0,
  repetitionPenalty: 1,
};

export interface Outcome {
  tokens: number[];
  logprobs: (TokenLogprobs | undefined)[];
  cachedTokens: number | null;
  reason: CoreFinish;
  error: Error | undefined;
  /** Milliseconds from submission to the first token; NaN without one. */
  firstTokenMs: number;
  /** Milliseconds from the first token to the end. */
  restMs: number;
}

export type JobOptions = Partial<CoreJob> & { prompt: ArrayLike<number> };

export interface Running {
  handle: CoreHandle;
  done: Promise<Outcome>;
}

export function start(core: { submit(job: CoreJob): CoreHandle }, options: JobOptions): Running {
  const begun = performance.now();
  const { prompt, ...fields } = options;
  let firstAt = Number.NaN;
  const outcome: Omit<Outcome, 'reason' | 'error' | 'firstTokenMs' | 'restMs'> = {
    tokens: [],
    logprobs: [],
    cachedTokens: null,
  };
  let handle: CoreHandle | undefined;
  const done = new Promise<Outcome>((resolve, reject) => {
    let isEnded = false;
    handle = core.submit({
      tokens: Uint32Array.from(prompt),
      maxTokens: 16,
      sampling: GREEDY,
      priority: 0,
      cacheSalt: '',
      ...fields,
      onStart: (cachedTokens, byTier) => {
        if (outcome.cachedTokens !== null || outcome.tokens.length > 0)
          reject(new Error('a late or second onStart'));
        outcome.cachedTokens = cachedTokens;
        fields.onStart?.(cachedTokens, byTier);
      },
      onToken: (token, logprobs) => {
        if (outcome.tokens.length === 0) firstAt = performance.now();
        if (isEnded || outcome.cachedTokens === null) reject(new Error('a token out of order'));
        outcome.tokens.push(token);
        outcome.logprobs.push(logprobs);
        fields.onToken?.(token, logprobs);
      },
      onEnd: (reason, error) => {
        if (isEnded) reject(new Error('a second onEnd'));
        isEnded = true;
        const end = performance.now();
        resolve({ ...outcome, reason, error, firstTokenMs: firstAt - begun, restMs: end - firstAt });
        fields.onEnd?.(reason, error);
      },
    });
  });
  return { handle: handle!, done };
}

export function run(core: { submit(job: CoreJob): CoreHandle }, options: JobOptions): Promise<Outcome> {
  return start(core, options).done;
}

/** What a listener believes after the events, checked on the way: no block without its parent, none twice. */
export class EventReplay {
  readonly blocks = new Map<bigint, bigint | null>();
  /** All tokens from the start of the prompt to the end of each block, as text. */
  readonly prefixes = new Map<bigint, string>();
  stored = 0;
  removed = 0;

  take(events: CoreKvEvent[]): void {
    for (const event of events) {
      if (event.type === 'cleared') this.blocks.clear();
      else if (event.type === 'stored') this.#store(event);
      else for (const hash of event.hashes) this.#remove(hash);
    }
  }

  hashes(): bigint[] {
    return [...this.blocks.keys()].sort(byValue);
  }

  /** What the held blocks spell, each once. */
  spelled(): string[] {
    return [...new Set([...this.blocks.keys()].map((hash) => this.prefixes.get(hash)!))].sort();
  }

  #store(event: Extract<CoreKvEvent, { type: 'stored' }>): void {
    if (event.tokens.length !== event.hashes.length * event.blockTokens)
      throw new Error('tokens do not fill the blocks');
    let parent = event.parent;
    for (const [at, hash] of event.hashes.entries()) {
      if (this.blocks.has(hash)) throw new Error(`block ${hash} is stored twice`);
      if (parent !== null && !this.blocks.has(parent))
        throw new Error(`block ${hash} comes before its parent`);
      const own = event.tokens.subarray(at * event.blockTokens, (at + 1) * event.blockTokens);
      this.prefixes.set(hash, `${parent === null ? '' : this.prefixes.get(parent)}${own.join()};`);
      this.blocks.set(hash, parent);
      parent = hash;
      this.stored++;
    }
  }

  #remove(hash: bigint): void {
    if (!this.blocks.delete(hash)) throw new Error(`block ${hash} is removed but was not stored`);
    if ([...this.blocks.values()].includes(hash))
      throw new Error(`block ${hash} is removed before its child`);
    this.removed++;
  }
}

/** What the full blocks of these sequences spell, each once. */
export function spelledBy(sequences: readonly (readonly number[])[], blockTokens: number): string[] {
  const spelled = new Set<string>();
  for (const tokens of sequences) {
    let prefix = '';
    for (let end = blockTokens; end <= tokens.length; end += blockTokens) {
      prefix += `${tokens.slice(end - blockTokens, end).join()};`;
      spelled.add(prefix);
    }
  }
  return [...spelled].sort();
}

export const byValue = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);
