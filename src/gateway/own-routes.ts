/** Read routes under `/dynamo/v1`. */
import { DynamoError } from '../errors.js';
import type { GatewayRoom } from './room.js';
import type { HttpCall } from './routes.js';
import { sendJson } from './send.js';

export function serveSnapshot({ response }: HttpCall, room: GatewayRoom): void {
  sendJson(response, 200, room.deps.snapshot());
}

/** The whole run, for `dynamo report`. */
export function serveReport({ response }: HttpCall, room: GatewayRoom): void {
  sendJson(response, 200, room.deps.report());
}

/** The routing decision of a recent request with its inputs. Rejects with `not_found` for one not (or no longer) known. */
export function serveExplain({ response, params, path }: HttpCall, room: GatewayRoom): void {
  const id = params['id'] ?? '';
  const decision = room.deps.router.explain(id);
  if (decision === undefined) throw new DynamoError('not_found', { method: 'GET', path });
  const miss = room.deps.explainMiss?.(id) ?? null;
  sendJson(response, 200, { ...decision, miss, request: room.notes.get(id) ?? null });
}

export function serveCache({ response }: HttpCall, room: GatewayRoom): void {
  const { tiers, warm, index, hitRate, tokens, readWriteRatio, workers } = room.deps.snapshot();
  const perWorker = workers.map(({ id, kv, promptTokens, cachedTokens }) => ({
    id,
    kv,
    promptTokens,
    cachedTokens,
  }));
  sendJson(response, 200, { tiers, warm, index, hitRate, tokens, readWriteRatio, workers: perWorker });
}
