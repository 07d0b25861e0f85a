/** The miss explainer with what it asks of the router; what it finds is told as an event. */
import { sequenceHashes } from '../prompt/hash/block-hash.js';
import type { PreparedPrompt } from '../prompt/types.js';
import type { CommonRequest } from '../request/types.js';
import type { Router } from '../router/router.js';
import type { MissReport } from '../telemetry/miss-cause.js';
import { MissExplainer } from '../telemetry/miss-explainer.js';
import type { StampedEvent, TelemetryEvent } from '../telemetry/types.js';

export class MissTeller {
  readonly #explainer: MissExplainer<PreparedPrompt>;
  readonly #emit: (event: TelemetryEvent) => void;
  /** Sessions that started the sessions of running requests. */
  readonly #parents = new Map<string, string>();

  constructor(router: Router, emit: (event: TelemetryEvent) => void) {
    this.#explainer = explainerOf(router);
    this.#emit = emit;
  }

  onPrompt(request: CommonRequest, prompt: PreparedPrompt): void {
    this.#explainer.onPrompt(request, prompt);
    const parent = request.session?.parentId;
    if (parent !== undefined) this.#parents.set(request.id, parent);
  }

  report(requestId: string): MissReport | null {
    return this.#explainer.report(requestId);
  }

  apply(event: StampedEvent): void {
    this.#explainer.apply(event);
    if (!ENDS.has(event.type) || !('id' in event)) return;
    const parent = this.#parents.get(event.id);
    this.#parents.delete(event.id);
    const report = event.type === 'request.finished' ? this.report(event.id) : null;
    // A turn later, so that every listener has heard of the end first.
    if (report !== null) queueMicrotask(() => this.#emit(explained(event.id, report, parent)));
  }
}

const ENDS = new Set<StampedEvent['type']>([
  'request.finished',
  'request.failed',
  'request.cancelled',
  'request.rejected',
]);

function explained(id: string, report: MissReport, parent: string | undefined): TelemetryEvent {
  const { cause, promptTokens, cachedTokens, repeatedTokens, divergence } = report;
  return {
    type: 'request.explained',
    id,
    cause,
    computedTokens: promptTokens - cachedTokens,
    repeatedTokens,
    ...(parent === undefined ? {} : { parent }),
    ...(divergence === null
      ? {}
      : { divergence: { token: divergence.token, message: divergence.message, kind: divergence.kind } }),
  };
}

function explainerOf(router: Router): MissExplainer<PreparedPrompt> {
  // All workers are asked for the same block.
  let last: { hashes: BigUint64Array; block: number; sequence: bigint | undefined } | null = null;
  const sequenceAt = (hashes: BigUint64Array, block: number): bigint | undefined => {
    if (last?.hashes !== hashes || last.block !== block)
      last = { hashes, block, sequence: sequenceHashes(hashes.subarray(0, block + 1))[block] };
    return last.sequence;
  };
  return new MissExplainer({
    decision: (requestId) => router.explain(requestId),
    workers: () => router.workers(),
    eviction: (worker, { localHashes }, block) => {
      const sequence = sequenceAt(localHashes, block);
      return sequence === undefined ? null : router.evictionOf(worker, sequence);
    },
    loss: (worker) => router.lossOf(worker),
  });
}
