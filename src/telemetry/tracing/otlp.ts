/** Spans as the body of OTLP/HTTP in its JSON form: hex ids, 64-bit integers as text, enumerations as numbers. */
import type { Attributes, Span } from './types.js';

const KINDS = { internal: 1, server: 2 } as const;
const STATUS_ERROR = 2;

/** `resource` says who tells: `service.name` at least. */
export function otlpBody(spans: readonly Span[], resource: Attributes): string {
  return JSON.stringify({
    resourceSpans: [
      {
        resource: { attributes: keyValues(resource) },
        scopeSpans: [{ scope: { name: 'dynamo' }, spans: spans.map(otlpSpan) }],
      },
    ],
  });
}

function otlpSpan({
  traceId,
  spanId,
  parentSpanId,
  name,
  kind,
  startMs,
  endMs,
  attributes,
  error,
}: Span): object {
  return {
    traceId,
    spanId,
    ...(parentSpanId === undefined ? {} : { parentSpanId }),
    name,
    kind: KINDS[kind],
    startTimeUnixNano: nanoseconds(startMs),
    endTimeUnixNano: nanoseconds(endMs),
    attributes: keyValues(attributes),
    status: error === undefined ? {} : { code: STATUS_ERROR, message: error },
  };
}

/** Beyond what a double holds exactly: whole milliseconds and the rest apart. */
function nanoseconds(ms: number): string {
  const whole = Math.floor(ms);
  return `${BigInt(whole) * 1_000_000n + BigInt(Math.round((ms - whole) * 1e6))}`;
}

function keyValues(attributes: Attributes): object[] {
  return Object.entries(attributes).flatMap(([key, value]) =>
    value === undefined ? [] : [{ key, value: anyValue(value) }],
  );
}

function anyValue(value: string | number | readonly string[]): object {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value !== 'number')
    return { arrayValue: { values: value.map((one) => ({ stringValue: one })) } };
  return Number.isInteger(value) ? { intValue: `${value}` } : { doubleValue: value };
}
