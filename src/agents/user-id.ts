/** The session in Anthropic's `metadata.user_id`, which proxies pass on where they drop headers. */
import { usableId } from './read-header.js';

/** Longer ones are none of Claude Code's. */
const USER_ID_CHARS_MAX = 4_096;

/** It is `user_…_account_…_session_UUID`, in newer versions JSON with a `session_id`. */
export function sessionInUserId(body: Record<string, unknown>): string | undefined {
  const metadata = body['metadata'];
  if (typeof metadata !== 'object' || metadata === null) return undefined;
  const userId = (metadata as Record<string, unknown>)['user_id'];
  if (typeof userId !== 'string' || userId.length > USER_ID_CHARS_MAX) return undefined;
  const match = /_session_([\w-]+)$/.exec(userId) ?? /"session_id"\s*:\s*"([\w-]+)"/.exec(userId);
  return usableId(match?.[1]);
}
