/** `GET /dynamo/v1/events`: every telemetry event as it happens. */
import { SSE_COMMENT_PING, sseData } from '../dialects/sse.js';
import { LIMITS } from '../limits.js';
import type { GatewayRoom } from './room.js';
import type { HttpCall } from './routes.js';

/** A listener that does not keep up is cut off once `LIMITS.eventBacklog` events wait for it; it can come back. */
export function serveEvents({ request, response }: HttpCall, room: GatewayRoom): void {
  let waiting = 0;
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  response.flushHeaders();
  const ping = setInterval(() => response.write(SSE_COMMENT_PING), LIMITS.pingIntervalMs);
  const unsubscribe = room.deps.subscribe((event) => {
    if (response.write(sseData(event))) return;
    waiting += 1;
    if (waiting > LIMITS.eventBacklog) response.destroy();
    if (response.destroyed) leave();
  });
  const listener = { end: () => response.end() };
  const leave = () => {
    clearInterval(ping);
    unsubscribe();
    room.listeners.delete(listener);
  };
  room.listeners.add(listener);
  response.on('drain', () => {
    waiting = 0;
  });
  response.on('error', leave);
  response.on('close', leave);
  request.resume();
}
