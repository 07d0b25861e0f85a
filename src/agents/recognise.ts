/** Which harness and which session a request belongs to, and what of it only varies. */
import type { CommonRequest, SessionInfo } from '../request/types.js';
import { canonicalIdentity, commonIdentity, isFinal } from './canonical.js';
import { claudeCode } from './claude-code.js';
import { codex } from './codex.js';
import { contentSession } from './content-session.js';
import { lineagePriority } from './lineage.js';
import { opencode } from './opencode.js';
import { pi } from './pi.js';
import type { Harness, Identity, Sighting } from './types.js';

const HARNESSES: readonly Harness[] = [claudeCode, codex, opencode, pi];

/** What is known of a request's sender. */
export interface Recognised {
  request: CommonRequest;
  /** Name of the harness; `unknown` for any other client. */
  harness: string;
  /** `main`, `subagent`, `title` or `compact`. */
  role: string;
}

/**
 * The request with its session, a priority by lineage when the client gave none, and without a preamble that would
 * make every prompt unlike. A conversation that nothing names is named by its beginning. Never throws.
 */
export function recognise(sighting: Sighting): Recognised {
  const { request } = sighting;
  const harness = HARNESSES.find((each) => each.isSender(sighting));
  const identity = canonicalIdentity(sighting) ?? harness?.identify(sighting) ?? commonIdentity(sighting);
  // Content tells a title or compaction call even inside a sub-agent.
  const role = harness?.role?.(sighting) ?? identity?.role ?? 'main';
  const name = harness?.name ?? 'unknown';
  // Any client may forward Claude Code's system prompt; the block is recognised by its own text.
  const stripped = claudeCode.strip?.(request) ?? request;
  const session = sessionOf(sighting, identity, { content: stripped, harness: name, role });
  const { hints } = request;
  return {
    request: {
      ...stripped,
      ...(session === undefined ? {} : { session }),
      hints: hints.isPriorityGiven === true ? hints : { ...hints, priority: lineagePriority(role) },
    },
    harness: name,
    role,
  };
}

function sessionOf(
  sighting: Sighting,
  identity: Identity | undefined,
  { content, ...known }: { content: CommonRequest; harness: string; role: string },
): SessionInfo | undefined {
  const rest = { isFinal: isFinal(sighting), ...known };
  if (identity !== undefined) {
    const { id, parentId } = identity;
    return { id, ...(parentId === undefined ? {} : { parentId }), ...rest };
  }
  const id = contentSession(content);
  return id === undefined ? undefined : { id, isDerived: true, ...rest };
}
