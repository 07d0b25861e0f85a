/** One decision: look up, weigh, pick. Changes nothing but the turn counter. */
import { promptSequence } from '../prompt/hash/block-hash.js';
import type { ApproximateFeed } from './approximate.js';
import type { Clock } from './clock.js';
import { tierBlocks } from './index/matches.js';
import type { BlockIndex } from './index/types.js';
import type { LossLog } from './losses.js';
import type { PolicyGuard } from './policies/guard.js';
import type { PredictedBlocks } from './predicted.js';
import type { ReachableSet } from './reachable.js';
import type { Residents } from './residents.js';
import type { Session, SessionBook } from './sessions.js';
import type {
  Candidate,
  Decision,
  Policy,
  RouteInput,
  RoutingRequest,
  TierBlocks,
  WorkerId,
} from './types.js';
import { prefillSpeed, typicalPrefill, type WorkerRecord } from './worker-record.js';

/** The router's parts; the router is the only one that writes them. */
export interface RouterState {
  index: BlockIndex;
  policy: Policy;
  guard: PolicyGuard;
  clock: Clock;
  random: () => number;
  /** Decisions made. */
  turn: number;
  workers: Map<WorkerId, WorkerRecord>;
  /** When the last request with a priority came. */
  priorityAt: number;
  /** Used until any worker has been measured. */
  defaultPrefillMsPerToken: number;
  sessions: SessionBook;
  residents: Residents;
  reachable: ReachableSet;
  losses: LossLog;
  predicted: PredictedBlocks;
  approximate: ApproximateFeed;
}

export interface Decided {
  record: WorkerRecord;
  reason: string;
  /** What the policy did wrong. */
  fault?: string | undefined;
  candidates: Decision['candidates'];
  predictedTokens: number;
  predictedByTier: TierBlocks;
  reachableTokens: number;
  expectedOutputTokens: number;
  session: Session | undefined;
  sequence: BigUint64Array;
  /** Blocks of the prompt that anybody has computed before. */
  seenBlocks: number;
}

/** `workers` has at least one. A speculative decision draws nothing and does not take a turn. */
export function decide(
  state: RouterState,
  input: RouteInput,
  workers: readonly WorkerRecord[],
  { isSpeculative }: { isSpeculative: boolean },
): Decided {
  state.approximate.expire();
  const bestBlocks = state.index.match(input.localHashes);
  const sequence = promptSequence(input.localHashes);
  const seenBlocks = Math.max(bestBlocks, state.reachable.prefix(sequence));
  const session = state.sessions.find(input.sessionId, sequence, seenBlocks);
  const request = requestOf(state, input, session);
  const typical = typicalPrefill(state.workers.values(), state.defaultPrefillMsPerToken);
  const now = state.clock.now();
  const isAnyMeasured = workers.some(({ prefillMsPerToken }) => prefillMsPerToken !== null);
  const candidates = workers.map((record) => ({
    ...candidateOf(state, input, record, { session, sequence }),
    prefillMsPerToken: prefillSpeed(record, typical, now),
    isUntried: isAnyMeasured && record.prefillMsPerToken === null,
  }));
  const draw = {
    random: isSpeculative ? 0 : state.random(),
    turn: isSpeculative ? state.turn : state.turn++,
  };
  const choice = state.guard.choose(request, candidates, draw);
  const at = candidates.findIndex((candidate) => candidate.worker === choice.worker);
  const predictedByTier = readable(input, (candidates[at] as Candidate).overlap);
  return {
    record: workers[at] as WorkerRecord,
    reason: choice.reason,
    fault: choice.fault,
    candidates: candidates.map(({ worker, overlap, load }, n) => ({
      worker,
      overlap,
      load,
      terms: choice.terms[n] ?? {},
    })),
    predictedTokens: blocksOf(predictedByTier) * input.blockTokens,
    predictedByTier,
    reachableTokens: Math.min(seenBlocks, readableBlocks(input)) * input.blockTokens,
    expectedOutputTokens: request.expectedOutputTokens,
    session,
    sequence,
    seenBlocks,
  };
}

function requestOf(state: RouterState, input: RouteInput, session: Session | undefined): RoutingRequest {
  const { requestId, promptTokens, blockTokens, priority, sessionId } = input;
  return {
    id: requestId,
    promptTokens,
    blockTokens,
    promptBlocks: Math.ceil(promptTokens / blockTokens),
    expectedOutputTokens: state.sessions.expectedOutput(session, input),
    priority,
    ...(sessionId === undefined ? {} : { sessionId }),
  };
}

function candidateOf(
  state: RouterState,
  input: RouteInput,
  record: WorkerRecord,
  { session, sequence }: { session: Session | undefined; sequence: BigUint64Array },
): Omit<Candidate, 'prefillMsPerToken'> {
  const { worker, lane, book, serviceMs } = record;
  // Blocks of unlike sizes are never equal; what the index says about this worker means nothing here.
  const isComparable = worker.blockTokens === input.blockTokens;
  const overlap = isComparable
    ? tierBlocks(state.index.answer, lane)
    : { gpu: 0, cpu: 0, disk: 0, remote: 0 };
  const computing = isComparable ? state.predicted.lookup(worker.id, sequence) : 0;
  const pendingBlocks = Math.max(0, computing - blocksOf(overlap));
  overlap.gpu += pendingBlocks;
  return {
    worker: worker.id,
    overlap,
    load: book.load(),
    kvBlocks: worker.kvBlocks,
    ...state.sessions.live(worker.id, session),
    isHome: session?.home === worker.id,
    pinnedBlocks: state.sessions.pinnedBlocks(worker.id, worker.kvBlocks),
    pendingBlocks,
    committedBlocks: book.committedBlocks,
    sharedBlocks: isComparable ? book.prompts.lookup(sequence) : 0,
    ...(serviceMs === null ? {} : { serviceMs }),
  };
}

/** Milliseconds to compute what the best worker does not hold of a prompt: how long a job it is. */
export function workMs(state: RouterState, input: RouteInput): number {
  const held = state.index.match(input.localHashes) * input.blockTokens;
  const perToken = typicalPrefill(state.workers.values(), state.defaultPrefillMsPerToken);
  return Math.max(0, input.promptTokens - held) * perToken;
}

/** The last prompt token is always computed, so a wholly cached prompt reads one block less when it ends on one. */
function readableBlocks({ promptTokens, blockTokens }: RouteInput): number {
  return Math.floor(Math.max(0, promptTokens - 1) / blockTokens);
}

function readable(input: RouteInput, overlap: TierBlocks): TierBlocks {
  let left = readableBlocks(input);
  const take = (blocks: number): number => {
    const taken = Math.min(blocks, left);
    left -= taken;
    return taken;
  };
  return {
    gpu: take(overlap.gpu),
    cpu: take(overlap.cpu),
    disk: take(overlap.disk),
    remote: take(overlap.remote),
  };
}

function blocksOf({ gpu, cpu, disk, remote }: TierBlocks): number {
  return gpu + cpu + disk + remote;
}
