/** What each kind of region is worth, and how a recipe, an API key or a request changes that. Pure. */
import type { RegionKind } from '../prompt/types.js';

export interface Worth {
  /** 0 (given up first, never written down) to 100. */
  priority: number;
  /** Milliseconds; 0 = no promise. */
  durationMs: number;
}

export type RetentionTable = Readonly<Record<RegionKind, Worth>>;
/** What is not named stays as it was. */
export type RetentionChanges = Partial<Record<RegionKind, Partial<Worth>>>;

/** A tool call or a look at the answer takes seconds; below this no conversation is given up. */
const CONVERSATION_MS = 30_000;

export const RETENTION_DEFAULTS: RetentionTable = {
  // Shared by every session of an agent: last to go, as long as nothing of the same class needs the place.
  system: { priority: 100, durationMs: 0 },
  tools: { priority: 100, durationMs: 0 },
  conversation: { priority: 60, durationMs: CONVERSATION_MS },
  tool_result: { priority: 60, durationMs: CONVERSATION_MS },
  reasoning: { priority: 60, durationMs: CONVERSATION_MS },
  // Until the next turn shows it again as conversation.
  output: { priority: 20, durationMs: CONVERSATION_MS },
};

/** Later changes count over earlier ones. */
export function retentionTable(...changes: readonly (RetentionChanges | undefined)[]): RetentionTable {
  const table: Record<RegionKind, Worth> = { ...RETENTION_DEFAULTS };
  for (const change of changes) {
    for (const [kind, worth] of Object.entries(change ?? {}) as [RegionKind, Partial<Worth>][])
      table[kind] = { ...table[kind], ...worth };
  }
  return table;
}
