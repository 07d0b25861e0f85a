/** Why a prompt was not read from a cache: facts in, one cause and a sentence out. */

export type MissCause =
  /** Nothing but the last block and its tail was computed. */
  | 'hit'
  /** The session's prompt grew: what comes after the last one is computed for the first time. */
  | 'grown'
  /** Nobody has computed this text since the stack started. */
  | 'never_seen'
  /** The worker had it and gave it up. */
  | 'evicted'
  /** The worker's whole cache was emptied, or it was restarted. */
  | 'cleared'
  /** Another worker holds it. */
  | 'other_worker'
  /** It was computed before, and nobody told where it went. */
  | 'lost'
  | 'salt'
  | 'tools'
  /** The system prompt changed: a date, a working directory, a header that varies. */
  | 'preamble'
  /** The template no longer shows the reasoning of an earlier turn. */
  | 'reasoning_dropped'
  /** An earlier message was changed or left out. */
  | 'message_changed';

/** Where a prompt first differs from the session's last one. */
export interface Divergence {
  /** Token index. */
  token: number;
  /** Message of this request, from 0; -1 for tools and template text. */
  message: number;
  role: string | null;
  kind: string;
  cause: 'salt' | 'tools' | 'preamble' | 'reasoning_dropped' | 'message_changed';
}

export interface Eviction {
  worker: string;
  tier: string;
  ageMs: number;
}

export interface MissFacts {
  worker: string;
  promptTokens: number;
  /** As the engine reported them. */
  cachedTokens: number;
  blockTokens: number;
  /** Tokens an unlimited cache over all workers would have given. */
  reachableTokens: number;
  /** The worker that holds more of the prompt than the chosen one read; null when none does. */
  better: { worker: string; tokens: number } | null;
  /** Why the router chose as it did. */
  reason: string;
  /** Removal of the first missed block, from the chosen worker or else from another. */
  eviction: Eviction | null;
  /** The chosen worker lost all its blocks, after the session's last request. */
  loss: { why: 'cleared' | 'dropped'; ageMs: number } | null;
  /** The session's last prompt; null for its first request. */
  before: { divergence: Divergence | null } | null;
}

export interface MissReport {
  cause: MissCause;
  /** A sentence without a full stop. */
  detail: string;
  promptTokens: number;
  cachedTokens: number;
  /** Tokens that had been computed before and had to be computed again, as far as is known. */
  repeatedTokens: number;
  divergence: Divergence | null;
  eviction: Eviction | null;
}

export function missReport(facts: MissFacts): MissReport {
  const { promptTokens, cachedTokens, reachableTokens, before, eviction } = facts;
  const cause = causeOf(facts);
  return {
    cause,
    detail: detailOf(cause, facts),
    promptTokens,
    cachedTokens,
    repeatedTokens: Math.max(0, reachableTokens - cachedTokens),
    divergence: before?.divergence ?? null,
    eviction: cause === 'evicted' ? eviction : null,
  };
}

/** The first missed block decides: either somebody has computed it before, or its text is new. */
function causeOf(facts: MissFacts): MissCause {
  const { promptTokens, cachedTokens, blockTokens, reachableTokens, better, eviction, loss, before } = facts;
  if (promptTokens - cachedTokens <= blockTokens) return 'hit';
  const divergence = before?.divergence ?? null;
  if (cachedTokens + blockTokens <= reachableTokens) {
    if (better !== null) return 'other_worker';
    // An emptied cache is told as a whole; a removal before it was another one.
    if (loss !== null && (eviction === null || eviction.ageMs >= loss.ageMs)) return 'cleared';
    return eviction === null ? 'lost' : 'evicted';
  }
  if (before === null) return 'never_seen';
  return divergence === null ? 'grown' : divergence.cause;
}

const DIFFERENCES: Record<Divergence['cause'], string> = {
  salt: 'the cache salt is another one, so nothing of before may be shared',
  tools: 'the tools differ from those of the request before',
  preamble: 'the system prompt differs from that of the request before',
  reasoning_dropped: 'the template no longer shows the reasoning of',
  message_changed: 'the prompt differs from the session’s last one in',
};

function detailOf(cause: MissCause, facts: MissFacts): string {
  const { worker, better, reason, eviction, loss, before } = facts;
  const divergence = before?.divergence ?? null;
  switch (cause) {
    case 'hit':
      return 'everything but the last tokens was read from the cache';
    case 'grown':
      return 'what the session added since its last prompt was computed for the first time';
    case 'never_seen':
      return 'nobody has sent this text since the stack started';
    case 'other_worker':
      return `${better?.worker} held ${better?.tokens} tokens of it; ${worker} was chosen: ${reason}`;
    case 'cleared':
      return loss?.why === 'cleared'
        ? `${worker} emptied its cache ${ago(loss.ageMs)}`
        : `${worker} was restarted, or its events were interrupted, ${ago(loss?.ageMs ?? 0)}`;
    case 'evicted':
      return `${eviction?.worker} gave it up ${ago(eviction?.ageMs ?? 0)}, from ${eviction?.tier}`;
    case 'lost':
      return `it was computed before; no worker told what became of it`;
    case 'reasoning_dropped':
    case 'message_changed':
      return `${DIFFERENCES[cause]} ${messageName(divergence)}`;
    default:
      return `${DIFFERENCES[cause]}, from token ${divergence?.token ?? 0} on`;
  }
}

function messageName(divergence: Divergence | null): string {
  if (divergence === null || divergence.message < 0) return 'the text between its messages';
  return `message ${divergence.message}${divergence.role === null ? '' : ` (${divergence.role})`}`;
}

function ago(ms: number): string {
  return ms < 10_000 ? `${Math.max(0, ms / 1_000).toFixed(1)} s ago` : `${Math.round(ms / 1_000)} s ago`;
}
