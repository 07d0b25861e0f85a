/** Where a prompt goes: which slot becomes its workspace and whose prefix it starts from. Pure. */

/** A slot as seen by one prompt. */
export interface SlotView {
  id: number;
  isBusy: boolean;
  /** What the end of its conversation was worth to its last request, 0 to 100. */
  priority: number;
  /** That was promised to stay, and the time is not over. */
  isPromised: boolean;
  /** Grows with each use; the smallest is the least recently used. */
  lastUsed: number;
  /** Tokens with KV in the slot; copying takes time in proportion. */
  heldTokens: number;
  /** Leading blocks the prompt could reuse. */
  matchedBlocks: number;
  /** Blocks after the matched ones that no other slot holds: lost when the slot is trimmed in place. */
  lostBlocks: number;
  /** Of those, the ones that were prefilled. Decoded ones are worth little: a conversation that goes on matches them. */
  lostPrefilledBlocks: number;
  /** Blocks that no other slot holds: lost when the slot is overwritten. */
  uniqueBlocks: number;
}

export interface SlotChoice {
  slot: number;
  /** Slot whose KV is copied first; null when the chosen slot's own prefix is used (or none). */
  copyFrom: number | null;
  blocks: number;
}

/**
 * Null when every slot is busy. The longest prefix wins. It is reused in place when that loses nothing of worth
 * or the slot is the one that would go anyway; else it is copied (milliseconds) over the slot that is
 * missed least, so that sessions share a system prompt without driving each other out.
 */
export function chooseSlot(views: readonly SlotView[]): SlotChoice | null {
  const idle = views.filter(({ isBusy }) => !isBusy);
  if (idle.length === 0) return null;
  const victim = least(idle, byWorth);
  const blocks = Math.max(...views.map(({ matchedBlocks }) => matchedBlocks));
  if (blocks === 0) return { slot: victim.id, copyFrom: null, blocks };
  const holders = views.filter(({ matchedBlocks }) => matchedBlocks === blocks);
  const own = idle.filter(({ matchedBlocks }) => matchedBlocks === blocks);
  const inPlace = own.length === 0 ? null : least(own, byTrimLoss);
  const isFree = inPlace !== null && (inPlace.lostPrefilledBlocks === 0 || inPlace.id === victim.id);
  if (inPlace !== null && isFree) return { slot: inPlace.id, copyFrom: null, blocks };
  // The victim may itself be another holder of this very prefix; then nothing has to be copied.
  const copyFrom = victim.matchedBlocks === blocks ? null : least(holders, byCopyCost).id;
  return { slot: victim.id, copyFrom, blocks };
}

/** What is lost by overwriting: nothing first, then what was not promised, is worth less, and was used longest ago. */
function byWorth(a: SlotView, b: SlotView): number {
  return (
    Number(a.uniqueBlocks > 0) - Number(b.uniqueBlocks > 0) ||
    Number(a.isPromised) - Number(b.isPromised) ||
    a.priority - b.priority ||
    a.lastUsed - b.lastUsed
  );
}

function byTrimLoss(a: SlotView, b: SlotView): number {
  return (
    a.lostPrefilledBlocks - b.lostPrefilledBlocks || a.lostBlocks - b.lostBlocks || a.lastUsed - b.lastUsed
  );
}

function byCopyCost(a: SlotView, b: SlotView): number {
  return a.heldTokens - b.heldTokens || a.id - b.id;
}

function least(views: readonly SlotView[], order: (a: SlotView, b: SlotView) => number): SlotView {
  return views.reduce((best, view) => (order(view, best) < 0 ? view : best));
}
