/** Telemetry events of a request, joined to its spans: the request, and in it prompt, queue, route, prefill and stream. */
import { randomBytes } from 'node:crypto';
import type { StampedEvent } from '../types.js';
import type { Attributes, Span } from './types.js';

type Of<Type extends StampedEvent['type']> = Extract<StampedEvent, { type: Type }>;
type Ended = Of<'request.finished' | 'request.failed' | 'request.cancelled' | 'request.rejected'>;

interface Live {
  started: Of<'request.started'>;
  routed?: Of<'request.routed'>;
  /** Workers it was sent to. */
  attempts: number;
  firstMs?: number;
}

/** A request that has ended; what is found out right afterwards may still be added to its first span. */
export interface Trace {
  id: string;
  spans: [root: Span, ...parts: Span[]];
}

export class TraceBook {
  readonly #live = new Map<string, Live>();
  #ended: Trace[] = [];

  apply(event: StampedEvent): void {
    if (event.type === 'request.started') this.#live.set(event.id, { started: event, attempts: 0 });
    if (event.type === 'request.explained') this.#explained(event);
    const live = 'id' in event ? this.#live.get(event.id) : undefined;
    if (live === undefined) return;
    switch (event.type) {
      case 'request.routed':
        // An answer that goes on elsewhere has had its prefill.
        live.routed =
          live.routed === undefined || live.firstMs === undefined
            ? event
            : { ...live.routed, worker: event.worker };
        live.attempts += 1;
        break;
      case 'request.first_token':
        live.firstMs = event.ttftMs;
        break;
      case 'request.finished':
      case 'request.failed':
      case 'request.cancelled':
      case 'request.rejected':
        this.#live.delete(event.id);
        this.#ended.push({ id: event.id, spans: spansOf(live, event) });
        break;
      default:
    }
  }

  /** The requests that have ended since the last call. */
  take(): Trace[] {
    const taken = this.#ended;
    this.#ended = [];
    return taken;
  }

  #explained({ id, cause, computedTokens, repeatedTokens }: Of<'request.explained'>): void {
    const trace = this.#ended.findLast((one) => one.id === id);
    if (trace === undefined) return;
    Object.assign(trace.spans[0].attributes, {
      'dynamo.miss_cause': cause,
      'dynamo.computed_tokens': computedTokens,
      'dynamo.repeated_tokens': repeatedTokens,
    });
  }
}

/** Pure but for the spans' ids. */
function spansOf(live: Live, ended: Ended): Trace['spans'] {
  const { started, routed, firstMs } = live;
  const startMs = 'e2eMs' in ended ? ended.at - ended.e2eMs : started.at;
  const { traceId, parentSpanId } = contextOf(started);
  const root: Span = {
    traceId,
    spanId: newSpanId(),
    ...(parentSpanId === undefined ? {} : { parentSpanId }),
    name: `${started.dialect} ${started.model}`,
    kind: 'server',
    startMs,
    endMs: ended.at,
    attributes: { ...senderAttributes(started), ...routeAttributes(live), ...endAttributes(ended) },
    ...errorOf(ended),
  };
  const lengthMs = ended.at - startMs;
  const part = (name: string, fromMs: number, toMs: number): Span => ({
    traceId,
    spanId: newSpanId(),
    parentSpanId: root.spanId,
    name,
    kind: 'internal',
    startMs: startMs + fromMs,
    endMs: startMs + Math.max(fromMs, Math.min(toMs, lengthMs)),
    attributes: {},
  });
  if (routed === undefined) return [root];
  const { preparedMs, queueMs, decideMs, forwardedMs } = routed;
  const decidedMs = Math.max(preparedMs, forwardedMs - decideMs);
  const queuedMs = Math.min(decidedMs, Math.max(preparedMs, decidedMs - queueMs));
  const after =
    firstMs === undefined
      ? [part('generate', forwardedMs, lengthMs)]
      : [part('prefill', forwardedMs, firstMs), part('stream', firstMs, lengthMs)];
  return [
    root,
    part('prompt', 0, preparedMs),
    part('queue', queuedMs, decidedMs),
    part('route', decidedMs, forwardedMs),
    ...after,
  ];
}

/** The client's trace where it has one, else one of the request's own. */
function contextOf({ id, traceParent }: Of<'request.started'>): { traceId: string; parentSpanId?: string } {
  const [, traceId, parentSpanId] = TRACE_PARENT.exec(traceParent ?? '') ?? [];
  if (traceId === undefined || parentSpanId === undefined || /^0+$/.test(traceId)) return { traceId: id };
  return { traceId, parentSpanId };
}

/** W3C trace context, version 00. */
const TRACE_PARENT = /^00-([\da-f]{32})-([\da-f]{16})-[\da-f]{2}$/;

const newSpanId = (): string => randomBytes(8).toString('hex');

function senderAttributes(started: Of<'request.started'>): Attributes {
  const { id, dialect, model, session, harness, role, isStream } = started;
  return {
    'gen_ai.operation.name': dialect === 'completions' ? 'text_completion' : 'chat',
    'gen_ai.request.model': model,
    'gen_ai.conversation.id': session,
    'dynamo.request_id': id,
    'dynamo.dialect': dialect,
    'dynamo.harness': harness,
    'dynamo.role': role,
    'dynamo.stream': isStream ? 'true' : 'false',
  };
}

function routeAttributes({ routed, attempts }: Live): Attributes {
  if (routed === undefined) return {};
  return {
    'dynamo.worker': routed.worker,
    'dynamo.attempts': attempts,
    'dynamo.predicted_tokens': routed.predictedTokens,
    'dynamo.reachable_tokens': routed.reachableTokens,
  };
}

function endAttributes(ended: Ended): Attributes {
  if (ended.type !== 'request.finished') return {};
  const { usage, stopReason } = ended;
  return {
    'gen_ai.response.finish_reasons': [stopReason],
    'gen_ai.usage.input_tokens': usage?.promptTokens,
    'gen_ai.usage.cache_read.input_tokens': usage?.cachedTokens,
    'gen_ai.usage.output_tokens': usage?.outputTokens,
  };
}

function errorOf(ended: Ended): Pick<Span, 'error'> {
  if (ended.type === 'request.finished') return {};
  return { error: ended.type === 'request.cancelled' ? 'client_closed' : `${ended.code}: ${ended.message}` };
}
