/** Talking to one worker. */
import type { DynamoError } from '../errors.js';
import type { StreamEvent } from '../request/types.js';

/** Receives a stream; called in order, ends with one `done` or `error` event. */
export interface StreamSink {
  onEvent(event: StreamEvent): void;
  /** The body asks for a whole answer: one JSON text is what comes. */
  readonly isWhole?: boolean;
}

/** Handle of one running stream. Every method is idempotent. */
export interface StreamControl {
  /** Stops reading from the engine: the client is slow. */
  pause(): void;
  resume(): void;
  /** Ends the engine's work; the sink gets no further event. */
  cancel(): void;
}

export interface WorkerLink {
  readonly worker: string;
  readonly url: string;
  /**
   * Sends an engine body to `path`, as an object or as JSON in pieces, and delivers the answer's events, of a stream or of a
   * whole answer. Never throws.
   */
  stream(path: string, body: Record<string, unknown> | readonly Buffer[], sink: StreamSink): StreamControl;
  /** One JSON exchange (tokenize, models, …). Rejects with a DynamoError. */
  json(method: 'GET' | 'POST', path: string, body?: unknown): Promise<unknown>;
  /** GET as text, for metrics. Rejects with a DynamoError. */
  text(path: string): Promise<string>;
  close(): Promise<void>;
}

export type LinkFailure = DynamoError;
