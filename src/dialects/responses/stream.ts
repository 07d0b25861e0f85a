/** Response events numbered, as objects or as SSE. */
import type { StreamEvent } from '../../request/types.js';
import { SSE_COMMENT_PING, sseNamed } from '../sse.js';
import type { StreamEncoder } from '../types.js';
import type { ResponseEvent, ResponsesRun } from './run.js';

/** The last is `response.completed`, `response.incomplete` or `response.failed`. */
export class ResponsesEvents {
  readonly #run: ResponsesRun;
  #sequence = 0;

  constructor(run: ResponsesRun) {
    this.#run = run;
  }

  push(event: StreamEvent): ResponseEvent[] {
    return this.#run.push(event).map((each) => {
      const numbered = { ...each, sequence_number: this.#sequence };
      this.#sequence += 1;
      return numbered;
    });
  }
}

/** Ends without `[DONE]`. */
export class ResponsesStream implements StreamEncoder {
  readonly #events: ResponsesEvents;

  constructor(events: ResponsesEvents) {
    this.#events = events;
  }

  push(event: StreamEvent): string {
    return this.#events.push(event).map(sseNamed).join('');
  }

  ping(): string {
    return SSE_COMMENT_PING;
  }
}
