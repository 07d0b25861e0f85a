/** Kept answers of `/v1/responses`: read, list their input, delete. */
import { type Fields, invalid, isFields, unsupported } from '../dialects/fields.js';
import { inputItemId } from '../dialects/responses/item-ids.js';
import type { KeptResponse } from '../dialects/types.js';
import { DynamoError } from '../errors.js';
import { keptFor } from './kept-view.js';
import type { GatewayRoom } from './room.js';
import type { HttpCall } from './routes.js';
import { sendJson } from './send.js';

const PAGE = { default: 20, max: 100 } as const;

/** Rejects with `not_found` for an id that is not, or no longer, kept, or is somebody else's. */
export function serveKept(call: HttpCall, room: GatewayRoom): void {
  const { request, response } = call;
  const kept = keptOf(call, room);
  if (request.method === 'DELETE') {
    keptFor(request, room).delete(kept.id);
    sendJson(response, 200, { id: kept.id, object: 'response', deleted: true });
    return;
  }
  if (queryOf(call).get('stream') === 'true')
    throw unsupported('stream', 'a kept response is given whole, its events are not kept');
  sendJson(response, 200, kept.response);
}

/** One page of the items a response was asked with. */
export function serveInputItems(call: HttpCall, room: GatewayRoom): void {
  const items = inputItems(keptOf(call, room));
  const query = queryOf(call);
  const order = query.get('order') ?? 'desc';
  if (order !== 'asc' && order !== 'desc') throw invalid('order', 'must be asc or desc');
  if (order === 'desc') items.reverse();
  const after = query.get('after');
  const start = after === null ? 0 : items.findIndex(({ id }) => id === after) + 1;
  if (after !== null && start === 0) throw invalid('after', 'must be the id of one of the items');
  const data = items.slice(start, start + limitOf(query));
  sendJson(call.response, 200, {
    object: 'list',
    data,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: start + data.length < items.length,
  });
}

/** Only answers computed in the background can be cancelled, and none is: closing the connection ends one. */
export function serveCancel(call: HttpCall, room: GatewayRoom): void {
  keptOf(call, room);
  throw unsupported('response_id', 'only a background response can be cancelled; this one is over');
}

function keptOf({ request, params, path }: HttpCall, room: GatewayRoom): KeptResponse {
  const kept = keptFor(request, room).get(params['id'] ?? '');
  if (kept !== undefined) return kept;
  throw new DynamoError('not_found', { method: request.method ?? 'GET', path: path.slice(0, 200) });
}

/** Items as a listing gives them: with an id, and their content as a list. */
function inputItems({ id, inputItems: items }: KeptResponse): (Fields & { id: string })[] {
  return items.map((item, index) => {
    const fields = isFields(item) ? item : {};
    const { type = 'message', content } = fields;
    const isText = type === 'message' && typeof content === 'string';
    const kind = fields['role'] === 'assistant' ? 'output_text' : 'input_text';
    const own = fields['id'];
    return {
      ...fields,
      id: typeof own === 'string' ? own : inputItemId(id, index),
      type,
      ...(isText ? { content: [{ type: kind, text: content }] } : {}),
    };
  });
}

function limitOf(query: URLSearchParams): number {
  const given = query.get('limit');
  if (given === null) return PAGE.default;
  const limit = Number(given);
  if (Number.isInteger(limit) && limit >= 1 && limit <= PAGE.max) return limit;
  throw invalid('limit', `must be between 1 and ${PAGE.max}`);
}

function queryOf({ request }: HttpCall): URLSearchParams {
  const url = request.url ?? '';
  const at = url.indexOf('?');
  return new URLSearchParams(at < 0 ? '' : url.slice(at + 1));
}
