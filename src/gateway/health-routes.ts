/** Is it up, is it ready, its figures; and the calls agents make that want only an answer. */
import { CONTENT_TYPES, formatFor } from '../telemetry/metrics/exposition.js';
import type { GatewayRoom } from './room.js';
import type { HttpCall } from './routes.js';
import { sendJson, sendText } from './send.js';

/** 200 when requests would be served, 503 otherwise; the body says what is missing. */
export function serveHealth({ response }: HttpCall, room: GatewayRoom): void {
  const isReady = room.deps.isReady() && !room.isDraining();
  const { workers } = room.deps.snapshot();
  sendJson(response, isReady ? 200 : 503, {
    status: isReady ? 'ready' : room.isDraining() ? 'draining' : 'starting',
    workers: workers.map(({ id, state, phase }) => ({ id, state, phase })),
  });
}

export function serveLive({ response }: HttpCall): void {
  sendJson(response, 200, { status: 'live' });
}

/** OpenMetrics for a scraper that asks for it, as Prometheus does; the older text for everyone else. */
export function serveMetrics({ request, response }: HttpCall, room: GatewayRoom): void {
  const format = formatFor(request.headers.accept);
  sendText(response, 200, room.deps.metrics(format), { 'content-type': CONTENT_TYPES[format] });
}

export function serveQuiet({ response }: HttpCall): void {
  sendJson(response, 200, {});
}
