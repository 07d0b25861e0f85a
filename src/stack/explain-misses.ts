/** The miss explainer with what it asks of the router. */
import { sequenceHashes } from '../prompt/hash/block-hash.js';
import type { PreparedPrompt } from '../prompt/types.js';
import type { Router } from '../router/router.js';
import { MissExplainer } from '../telemetry/miss-explainer.js';

export function explainMisses(router: Router): MissExplainer<PreparedPrompt> {
  return new MissExplainer({
    decision: (requestId) => router.explain(requestId),
    workers: () => router.workers(),
    eviction: (worker, { localHashes }, block) => {
      const sequence = sequenceHashes(localHashes.subarray(0, block + 1))[block];
      return sequence === undefined ? null : router.evictionOf(worker, sequence);
    },
    loss: (worker) => router.lossOf(worker),
  });
}
