/** The prefixes the run before used most, as jobs for the workers of this one. */
import { blockSeed, hashBlocks } from '../prompt/hash/block-hash.js';
import type { WarmJob } from '../retention/types.js';
import type { UsedPrefix } from '../retention/used-prefixes.js';

/** Later than this after the start nobody waits for them. */
const USEFUL_MS = 600_000;
/** What many conversations share is given up last. */
const PRIORITY = 100;

/** The most used first, on every worker. */
export function startJobs(
  prefixes: readonly UsedPrefix[],
  { workers, blockTokens, now }: { workers: readonly string[]; blockTokens: number; now: number },
): WarmJob[] {
  return prefixes.flatMap(({ tokens, salt }) => {
    const seed = blockSeed({ loraName: undefined, cacheSalt: salt });
    const localHashes = hashBlocks(tokens, blockTokens, seed);
    return workers.map(
      (worker): WarmJob => ({
        cause: 'last_run',
        worker,
        tokens,
        blockTokens,
        localHashes,
        retention: [{ start: 0, end: tokens.length, priority: PRIORITY, durationMs: 0 }],
        until: now + USEFUL_MS,
        ...(salt === undefined ? {} : { salt }),
      }),
    );
  });
}
