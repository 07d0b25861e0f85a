/** `POST /dynamo/v1/prefill`: has a prompt computed where the router puts it, so that the next request finds it cached. */
import { encodeOpenAiError } from '../dialects/openai-error.js';
import type { Dialect } from '../dialects/types.js';
import { dialectOf } from './dialect-of.js';
import { readJson } from './read-body.js';
import type { GatewayRoom } from './room.js';
import type { HttpCall } from './routes.js';
import { serveFrom } from './serve-request.js';

/** A request of any dialect, cut to one token of output; answers when that token is there. Never rejects. */
export function servePrefill(call: HttpCall, room: GatewayRoom): Promise<void> {
  const { config, served } = room.deps;
  return serveFrom(call, room, {
    encodeError: encodeOpenAiError,
    read: async () => {
      const value = await readJson(call.request, { bytesMax: config.bodyBytes });
      const { dialect, body } = dialectOf(value, served.name);
      return { body, dialect: prefillOf(dialect) };
    },
  });
}

/** The same dialect, asked for one token and answering with what was read and computed. */
function prefillOf(dialect: Dialect): Dialect {
  return {
    ...dialect,
    decode: (body, context) => {
      const request = dialect.decode(body, { ...context, isMeasured: true });
      const hints = { ...request.hints, extraFields: ['worker_id', 'timing'] };
      return { ...request, hints, maxTokens: 1, n: 1, stream: false };
    },
    encodeWhole: (request, events, context) => {
      const usage = events.find((event) => event.type === 'usage')?.usage;
      return {
        id: request.id,
        object: 'prefill',
        model: context.model,
        prompt_tokens: usage?.promptTokens ?? context.promptTokens,
        cached_tokens: usage?.cachedTokens ?? 0,
        ...context.nvext?.(),
      };
    },
  };
}
