/** Marks of a key that has been promised its share of the cache count for nothing until something of it is over. */
import type { PreparedPrompt } from '../prompt/types.js';
import type { CommonRequest } from '../request/types.js';
import { hasMarks } from '../retention/cache-writes.js';
import { cacheMarks } from '../retention/spans.js';
import type { KeyPolicy } from './key-policy.js';
import type { GatewayRoom } from './room.js';

/** The request as it is to be served: itself, or itself without its marks, which is told. */
export function withinShare(
  request: CommonRequest,
  prompt: PreparedPrompt,
  policy: KeyPolicy | null,
  room: GatewayRoom,
): CommonRequest {
  const capacity = room.deps.pinnableTokens?.() ?? 0;
  if (policy === null || capacity === 0 || !hasMarks(request)) return request;
  const regions = prompt.roughRegions?.() ?? prompt.regions;
  const marks = cacheMarks(request, regions, prompt.tokens.length);
  const now = performance.now();
  const pin = {
    key: policy.sha256,
    owner: request.session?.id ?? request.id,
    tokens: Math.max(0, ...marks.map(({ end }) => end)),
    until: now + 1_000 * Math.max(0, ...marks.map(({ ttlSeconds }) => ttlSeconds)),
  };
  if (room.pins.enter(pin, room.keys.shareOf(policy) * capacity, now)) return request;
  room.warn(
    'cache_share',
    `${policy.name} has been promised its share of the cache: its marks count for nothing`,
    request.id,
  );
  return { ...request, hints: { ...request.hints, isUnmarked: true } };
}
