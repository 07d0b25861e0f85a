/** Requests as OpenTelemetry spans. */

/** Texts, whole numbers, or lists of texts; undefined is left out. */
export type Attributes = Record<string, string | number | readonly string[] | undefined>;

export interface Span {
  /** 32 hex digits. */
  traceId: string;
  /** 16 hex digits. */
  spanId: string;
  parentSpanId?: string;
  name: string;
  /** A request is a server's span, its parts are internal ones. */
  kind: 'server' | 'internal';
  /** Unix milliseconds, with fractions. */
  startMs: number;
  endMs: number;
  attributes: Attributes;
  /** What went wrong; absent when nothing did. */
  error?: string;
}

/** `up --otel URL`: what was sent. */
export interface TracingSnapshot {
  url: string;
  /** Requests whose spans the collector has taken. */
  sent: number;
  /** Requests whose spans it will never have: refused, or too many waited. */
  lost: number;
  /** Requests that wait to be sent. */
  waiting: number;
  /** Why the last attempt failed; null when it did not. */
  fault: string | null;
}
