/** How many tokens a prompt has, counted by the served model's own tokenizer. */
import type { Dialect } from '../dialects/types.js';
import { decodeIncoming } from './incoming.js';
import { readJson } from './read-body.js';
import { newRequestId } from './request-id.js';
import type { Handler } from './routes.js';
import { idHeaders, sendJson } from './send.js';

/** Rejects like a request of that dialect would. */
export function serveCount(dialect: Dialect): Handler {
  return async (call, room) => {
    const id = newRequestId();
    const body = await readJson(call.request, { bytesMax: room.deps.config.bodyBytes });
    const { request } = decodeIncoming(body, { id, call, dialect, room, isMeasured: true });
    const { tokens } = await room.deps.prompt.prepare(request);
    const object = dialect.name === 'responses' ? { object: 'response.input_tokens' } : {};
    sendJson(call.response, 200, { ...object, input_tokens: tokens.length }, idHeaders(id));
  };
}
