/** Priority of a request nobody gave one: main threads before sub-agents before titles and summaries. */

/** Below 0, so that a client that knows nothing of priorities still counts as a main thread. */
const BY_ROLE: Record<string, number> = { main: 0, subagent: -1, title: -2, compact: -2 };

export function lineagePriority(role: string): number {
  return BY_ROLE[role] ?? 0;
}
