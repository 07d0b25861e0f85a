/** `POST /dynamo/v1/prefill`: has a prompt computed where the router would put it, so that its request finds it cached. */
import { encodeOpenAiError } from '../dialects/openai-error.js';
import { toDynamoError } from '../errors.js';
import { Client } from './client.js';
import { dialectOf } from './dialect-of.js';
import { fitRequest } from './fit.js';
import { decodeIncoming } from './incoming.js';
import { readJson } from './read-body.js';
import { newRequestId } from './request-id.js';
import type { GatewayRoom } from './room.js';
import type { HttpCall } from './routes.js';
import { idHeaders, sendError, sendJson } from './send.js';
import { admit } from './serve-request.js';

/** A body of any dialect; answers when its prompt is computed. No request in any figure. Never rejects. */
export async function servePrefill(call: HttpCall, room: GatewayRoom): Promise<void> {
  const { config, served, prompt: prompts } = room.deps;
  const id = newRequestId();
  const client = new Client(call.response);
  let leave = () => {};
  room.running.add(client);
  try {
    admit(room);
    leave = room.keys.enter(call.request);
    const value = await readJson(call.request, { bytesMax: config.bodyBytes });
    const { dialect, body } = dialectOf(value, served.name);
    const { request } = decodeIncoming(body, { id, call, dialect, room, isMeasured: true });
    const prompt = await prompts.prepare(request, client.signal);
    const fitting = fitRequest({ ...request, maxTokens: 1 }, prompt, served);
    const { worker, result } = await room.warming.ask(fitting, prompt, client.signal);
    const answer = {
      id,
      object: 'prefill',
      model: served.name,
      worker_id: { prefill_worker_id: worker, decode_worker_id: worker },
      prompt_tokens: result?.promptTokens ?? prompt.tokens.length,
      cached_tokens: result?.cachedTokens ?? null,
      // The request it was for came before it was done, and goes on from what was computed.
      superseded: result === null,
    };
    sendJson(call.response, 200, answer, { ...idHeaders(id), 'x-dynamo-worker': worker });
  } catch (error) {
    const known = toDynamoError(client.signal.aborted ? client.signal.reason : error);
    sendError(call.response, known, { encode: encodeOpenAiError, requestId: id });
  } finally {
    leave();
    room.running.delete(client);
  }
}
