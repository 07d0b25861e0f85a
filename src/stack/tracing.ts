/** `--otel URL`: spans of every request to an OpenTelemetry collector. */
import { DynamoError } from '../errors.js';
import { TraceExporter } from '../telemetry/tracing/exporter.js';
import { TraceBook } from '../telemetry/tracing/trace-book.js';
import type { StampedEvent, TelemetryEvent } from '../telemetry/types.js';

/** What `up` decided: where to, and the headers of OpenTelemetry's own variable (a collector's key). */
export interface TracingSpec {
  url: string;
  headers: Record<string, string>;
}

export interface Tracing {
  apply(event: StampedEvent): void;
  close(): Promise<void>;
}

/** Throws `usage`. A collector's base address gets the path OTLP/HTTP has. */
export function tracingSpec(wish: string, environment: NodeJS.ProcessEnv): TracingSpec {
  const url = URL.canParse(wish) ? new URL(wish) : null;
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new DynamoError('usage', {
      detail: `--otel ${wish} is no address of a collector`,
      remedy: 'Give its OTLP/HTTP address, for example http://127.0.0.1:4318 (4317 is the port of gRPC).',
    });
  }
  if (!url.pathname.endsWith('/v1/traces')) url.pathname = `${url.pathname.replace(/\/$/, '')}/v1/traces`;
  return { url: url.href, headers: headersOf(environment['OTEL_EXPORTER_OTLP_HEADERS'] ?? '') };
}

/** `name=value` pairs between commas, values in URL encoding. Throws `usage`. */
function headersOf(text: string): Record<string, string> {
  const pairs = text.split(',').filter((pair) => pair.trim() !== '');
  const entries = pairs.map((pair): [string, string] => {
    const at = pair.indexOf('=');
    const name = pair.slice(0, at).trim();
    try {
      if (at < 1) throw new Error('it has no name');
      const value = decodeURIComponent(pair.slice(at + 1).trim());
      new Headers([[name, value]]);
      return [name, value];
    } catch {
      // The value may be a key: it is not repeated.
      throw new DynamoError('usage', {
        detail: `OTEL_EXPORTER_OTLP_HEADERS has a part that is no header: ${at < 1 ? pair : name}`,
        remedy: 'Write name=value, with commas between them.',
      });
    }
  });
  return Object.fromEntries(entries);
}

/** Losses are told at the first and at every tenfold. */
export function startTracing(
  { url, headers }: TracingSpec,
  stack: { name: string; model: string },
  emit: (event: TelemetryEvent) => void,
): Tracing {
  const book = new TraceBook();
  let toldAt = 1;
  let isAway = false;
  const exporter = new TraceExporter({
    url,
    headers,
    book,
    resource: { 'service.name': 'dynamo', 'service.instance.id': stack.name, 'dynamo.model': stack.model },
    onChange: (tracing) => {
      emit({ type: 'tracing.stats', tracing });
      const warn = (message: string) => emit({ type: 'warning', code: 'traces_failed', message });
      if (tracing.fault !== null && !isAway) warn(`traces to ${url}: ${tracing.fault}`);
      isAway = tracing.fault !== null;
      if (tracing.lost < toldAt) return;
      while (tracing.lost >= toldAt) toldAt *= 10;
      warn(`traces of ${tracing.lost} requests were lost: ${tracing.fault ?? 'too many waited'}`);
    },
  });
  return {
    apply: (event) => {
      if (event.type.startsWith('request.')) book.apply(event);
    },
    close: () => exporter.close(),
  };
}
