/** The gateway's own time of each request, as its event stream tells it. */
import { request } from 'undici';
import { quantileOf } from '../statistics.js';

const ROUTED = '"type":"request.routed"';
const OVERHEAD = /"overheadMs":([\d.]+)/;

export class Overheads {
  readonly #abort = new AbortController();
  #values: number[] = [];

  /** Resolves when the stream is open. */
  static async open(url: string): Promise<Overheads> {
    const overheads = new Overheads();
    const { body } = await request(`${url}/dynamo/v1/events`, {
      signal: overheads.#abort.signal,
      bodyTimeout: 0,
    });
    void overheads.#read(body).catch(() => {});
    return overheads;
  }

  /** Median and 99th percentile since the last time this was asked; null without a request. */
  take(): { p50: number | null; p99: number | null } {
    const sorted = this.#values.sort((a, b) => a - b);
    this.#values = [];
    if (sorted.length === 0) return { p50: null, p99: null };
    return { p50: quantileOf(sorted, 0.5), p99: quantileOf(sorted, 0.99) };
  }

  close(): void {
    this.#abort.abort();
  }

  async #read(body: AsyncIterable<Buffer>): Promise<void> {
    let pending = '';
    for await (const piece of body) {
      pending += piece.toString('utf8');
      const lines = pending.split('\n');
      pending = lines.pop() ?? '';
      for (const line of lines) {
        const found = line.includes(ROUTED) ? OVERHEAD.exec(line)?.[1] : undefined;
        if (found !== undefined) this.#values.push(Number(found));
      }
    }
  }
}
