/** What the spans of a request say of one block. Pure. */
import type { PageOrigin } from '../../../cache/types.js';
import type { CoreJob } from '../types.js';
import { BLOCK_TOKENS } from './block-hash.js';

/** Of requests that say nothing: conversation, and output that the next turn may show again. */
const PROMPT_PRIORITY = 60;
const OUTPUT_PRIORITY = 20;

/** The highest priority of the spans that touch the block, and the longest promise among them. */
export function blockRetention(
  { retention }: Pick<CoreJob, 'retention'>,
  block: number,
  origin: PageOrigin,
  now: number,
): { priority: number; expiresAt: number } {
  const start = block * BLOCK_TOKENS;
  const spans = (retention ?? []).filter((span) => span.start < start + BLOCK_TOKENS && span.end > start);
  if (spans.length === 0) {
    return { priority: origin === 'decode' ? OUTPUT_PRIORITY : PROMPT_PRIORITY, expiresAt: 0 };
  }
  const priority = Math.max(...spans.map((span) => span.priority));
  const durationMs = Math.max(...spans.map((span) => span.durationMs));
  return { priority, expiresAt: durationMs > 0 ? now + durationMs : 0 };
}

/** What a slot holds after a job: the worth of its prompt's last block, because what comes before is shared or goes with it. */
export function slotRetention(
  job: Pick<CoreJob, 'retention' | 'tokens'>,
  now: number,
): ReturnType<typeof blockRetention> {
  const last = Math.max(0, Math.ceil(job.tokens.length / BLOCK_TOKENS) - 1);
  return blockRetention(job, last, 'prefill', now);
}
