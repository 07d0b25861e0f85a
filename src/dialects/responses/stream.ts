/** Response events as SSE, numbered. */
import type { StreamEvent } from '../../request/types.js';
import { SSE_COMMENT_PING } from '../sse.js';
import type { StreamEncoder } from '../types.js';
import type { ResponseEvent, ResponsesRun } from './run.js';

/** Ends after `response.completed`, `response.incomplete` or `response.failed`, without `[DONE]`. */
export class ResponsesStream implements StreamEncoder {
  readonly #run: ResponsesRun;
  readonly #encode: (event: ResponseEvent) => string;
  #sequence = 0;

  constructor(run: ResponsesRun, encode: (event: ResponseEvent) => string) {
    this.#run = run;
    this.#encode = encode;
  }

  push(event: StreamEvent): string {
    let out = '';
    for (const each of this.#run.push(event)) {
      out += this.#encode({ ...each, sequence_number: this.#sequence });
      this.#sequence += 1;
    }
    return out;
  }

  ping(): string {
    return SSE_COMMENT_PING;
  }
}
