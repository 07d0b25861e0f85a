/** Kept answers of `/v1/responses`: read, list their input, delete. */
import { inputItemId } from '../dialects/responses/item-ids.js';
import { DynamoError } from '../errors.js';
import { keptFor } from './kept-view.js';
import type { GatewayRoom } from './room.js';
import type { HttpCall } from './routes.js';
import { sendJson } from './send.js';

/** Rejects with `not_found` for an id that is not, or no longer, kept. */
export function serveKept({ request, response, params, path }: HttpCall, room: GatewayRoom): void {
  const id = params['id'] ?? '';
  const responses = keptFor(request, room);
  const kept = responses.get(id);
  const method = request.method ?? 'GET';
  if (kept === undefined) throw new DynamoError('not_found', { method, path: path.slice(0, 200) });
  if (method === 'DELETE') {
    responses.delete(id);
    sendJson(response, 200, { id, object: 'response', deleted: true });
    return;
  }
  if (!path.endsWith('/input_items')) {
    sendJson(response, 200, kept.response);
    return;
  }
  const data = kept.inputItems.map((item, index) => ({ id: inputItemId(id, index), ...(item as object) }));
  sendJson(response, 200, {
    object: 'list',
    data,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: false,
  });
}
