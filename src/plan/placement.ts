/** What a placement answers, whichever engine it is for. */
import type { EngineName, WorkerPlan } from './types.js';

export type Placement =
  | {
      ok: true;
      /** Without program, arguments and environment: those are the engine adapter's. */
      workers: WorkerPlan[];
      /** Arguments of the variant and its parallelism, the same for every worker. */
      engineArgs: string[];
      reasons: string[];
      notes: string[];
    }
  | { ok: false; reason: string };

export interface PlacementWishes {
  /** Exactly as many as asked for, where the engine allows. */
  workers?: number;
  slots?: number;
  kvMemoryBytes?: number;
  /** The user named this variant, so hardware nobody verified is a note, not a refusal. */
  isChosen: boolean;
}

const LOOPBACK = '127.0.0.1';

/** A worker before its program, port and sockets are known. */
export function bareWorker(
  id: string,
  engine: EngineName,
  contextTokens: number,
  blockTokens: number,
): WorkerPlan {
  return {
    id,
    engine,
    file: '',
    args: [],
    env: {},
    host: LOOPBACK,
    port: 0,
    gpus: [],
    events: null,
    blockTokens,
    kvBlocks: null,
    contextTokens,
  };
}
