/** `POST /dynamo/v1/score`: where a request would go and why, without sending it. */
import { TIERS, type TierBlocks } from '../router/types.js';
import { dialectOf } from './dialect-of.js';
import { routeInput } from './forward.js';
import { decodeIncoming } from './incoming.js';
import { readJson } from './read-body.js';
import { newRequestId } from './request-id.js';
import type { GatewayRoom } from './room.js';
import type { HttpCall } from './routes.js';
import { sendJson } from './send.js';

/** Nothing is booked, nothing is sent to a worker. Rejects like a request of that dialect would. */
export async function serveScore(call: HttpCall, room: GatewayRoom): Promise<void> {
  const { config, served, prompt: prompts, router } = room.deps;
  const value = await readJson(call.request, { bytesMax: config.bodyBytes });
  const { dialect, body } = dialectOf(value, served.name);
  const { request } = decodeIncoming(body, { id: newRequestId(), call, dialect, room, isMeasured: true });
  const prompt = await prompts.prepare(request);
  const promptTokens = prompt.tokens.length;
  const candidates = router.score(routeInput({ request, prompt }));
  const workers = candidates.map(({ worker, overlap, load, terms }) => ({
    worker,
    predictedTokens: tokensByTier(overlap, prompt.blockTokens),
    load,
    cost: terms['total'] ?? null,
    terms,
  }));
  const { blockTokens, source } = prompt;
  sendJson(call.response, 200, { promptTokens, blockTokens, source, queued: router.queued(), workers });
}

function tokensByTier(overlap: TierBlocks, blockTokens: number): TierBlocks {
  const out = { ...overlap };
  for (const tier of TIERS) out[tier] = overlap[tier] * blockTokens;
  return out;
}
