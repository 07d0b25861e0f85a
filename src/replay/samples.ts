/** What happened to each turn of a run, in typed arrays: one slot per turn, NaN where it did not happen. */
import type { Workload } from './types.js';

export class Samples {
  readonly sentMs: Float64Array;
  readonly admittedMs: Float64Array;
  readonly firstTokenMs: Float64Array;
  readonly endMs: Float64Array;
  /** Prompt tokens read from memory, of any tier. */
  readonly cachedTokens: Float64Array;
  /** Of them, read from below the workers' own memory. */
  readonly tierTokens: Float64Array;
  /** Prompt tokens an endless cache over all workers would have given. */
  readonly reachableTokens: Float64Array;
  /** Worker, -1 when it was refused. */
  readonly worker: Int16Array;
  done = 0;
  refused = 0;

  constructor({ turns }: Workload) {
    const column = (): Float64Array => new Float64Array(turns.length).fill(Number.NaN);
    this.sentMs = column();
    this.admittedMs = column();
    this.firstTokenMs = column();
    this.endMs = column();
    this.cachedTokens = new Float64Array(turns.length);
    this.tierTokens = new Float64Array(turns.length);
    this.reachableTokens = new Float64Array(turns.length);
    this.worker = new Int16Array(turns.length).fill(-1);
  }
}
