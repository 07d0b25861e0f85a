/** Is it up, is it ready, its figures; and the calls agents make that want only an answer. */
import { prometheusText } from '../telemetry/prometheus.js';
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

export function serveMetrics({ response }: HttpCall, room: GatewayRoom): void {
  sendText(response, 200, prometheusText(room.deps.snapshot()), {
    'content-type': 'text/plain; version=0.0.4; charset=utf-8',
  });
}

export function serveQuiet({ response }: HttpCall): void {
  sendJson(response, 200, {});
}
