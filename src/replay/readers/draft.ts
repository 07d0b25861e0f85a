/** What readers write and `finishDraft` turns into a workload. */
import { PrefixInterner } from '../interner.js';
import type { Part, ReadOptions, Turn, Workload } from '../types.js';

/** A turn whose blocks are still the trace's own ids. */
export interface DraftTurn extends Omit<Turn, 'blocks' | 'parts'> {
  ids: readonly (string | number)[];
  parts?: readonly Part[];
}

export interface Draft {
  format: string;
  /** Tokens one id stands for. */
  traceBlockTokens: number;
  turns: DraftTurn[];
  sessions: string[];
  notes: string[];
}

/**
 * Names every prefix and bounds what a simulated worker is asked for. The last block of a prompt counts only when it is
 * full, as in a real engine.
 */
export function finishDraft(draft: Draft, { blockTokens }: ReadOptions): Workload {
  const interner = new PrefixInterner(draft.traceBlockTokens, blockTokens);
  const turns = draft.turns.map(({ ids, parts, ...turn }): Turn => {
    const blocks = interner.path(ids, Math.floor(turn.promptTokens / blockTokens));
    return { ...turn, blocks, parts: parts ?? [] };
  });
  return {
    format: draft.format,
    blockTokens,
    turns,
    sessions: draft.sessions,
    uniqueBlocks: uniqueBlocks(turns),
    notes: draft.notes,
  };
}

function uniqueBlocks(turns: readonly Turn[]): number {
  const seen = new Set<number>();
  for (const { blocks } of turns) for (const block of blocks) seen.add(block);
  return seen.size;
}
