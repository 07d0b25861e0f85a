/**
 * When a request leaves the router's queue. A policy that says when a worker can start a request (`Policy.canStart`) binds
 * late: order and choice stay with the router until then, so that a worker's own queue is almost empty. A request waits a
 * moment for the worker that is best for it, then takes any that can start; one that waited long reserves its best.
 */
import { promptSequence } from '../prompt/hash/block-hash.js';
import { type Decided, decide, type RouterState } from './decide.js';
import { allowedWorkers, holdOf } from './eligibility.js';
import type { Hold } from './queue.js';
import { patienceOf } from './queue-order.js';
import type { RouterSettings } from './settings.js';
import type { AdmissionView, Policy, RouteInput, RoutingRequest, WorkerId } from './types.js';
import type { WorkerRecord } from './worker-record.js';

/** One look at the queue, from its head: workers promised to somebody further ahead. */
export interface Round {
  reserved: Set<WorkerId>;
}

/** What an attempt comes to: a decision to carry out, or the reason to stay. */
export type Admission = Decided | Hold;

/** Workers promised at once; the others serve whoever comes next. */
const RESERVED_MAX = 3;
/** How long a request with a priority lets others expect the next one. */
const PRIORITIES_MS = 60_000;

export function admit(
  state: RouterState,
  settings: RouterSettings,
  { input, since, round }: { input: RouteInput; since: number; round: Round },
): Admission {
  const allowed = allowedWorkers(state.workers, input, since);
  if (allowed.length === 0) return holdOf(state.workers, input);
  const open = allowed.filter(
    ({ worker, book }) => book.activeRequests < settings.maxActivePerWorker && !round.reserved.has(worker.id),
  );
  if (open.length === 0) return 'busy';
  const { policy } = state;
  if (policy.canStart === undefined) return decide(state, input, open, { isSpeculative: false });
  return bindLate(state, settings, { input, since, round, open, canStart: policy.canStart });
}

function bindLate(
  state: RouterState,
  settings: RouterSettings,
  {
    input,
    since,
    round,
    open,
    canStart,
  }: {
    input: RouteInput;
    since: number;
    round: Round;
    open: WorkerRecord[];
    canStart: NonNullable<Policy['canStart']>;
  },
): Admission {
  const waited = state.clock.now() - since;
  const patience = patienceOf({ input });
  const isDue = waited >= patience * settings.reserveAfterMs && round.reserved.size < RESERVED_MAX;
  const request = namedRequest(state, input);
  const sequence = promptSequence(input.localHashes);
  const starters = open.filter((record) => canStart(request, viewOf(state, record, sequence)));
  // Most looks at a long queue end here, without a lookup.
  if (starters.length === 0 && !isDue) return 'busy';
  const decided = decide(state, input, open, { isSpeculative: false });
  if (starters.includes(decided.record)) return decided;
  if (starters.length > 0 && waited >= patience * settings.holdForBestMs) {
    return decide(state, input, starters, { isSpeculative: false });
  }
  if (isDue) round.reserved.add(decided.record.worker.id);
  return 'busy';
}

/** The request without its session where none is named: finding it takes a lookup. */
export function namedRequest(state: RouterState, input: RouteInput): RoutingRequest {
  const { requestId, promptTokens, blockTokens, priority, sessionId } = input;
  return {
    id: requestId,
    promptTokens,
    blockTokens,
    promptBlocks: Math.ceil(promptTokens / blockTokens),
    expectedOutputTokens: state.sessions.expectedOutput(state.sessions.named(sessionId), input),
    priority,
    ...(sessionId === undefined ? {} : { sessionId }),
  };
}

export function viewOf(
  state: RouterState,
  { worker, book }: WorkerRecord,
  sequence: BigUint64Array,
): AdmissionView {
  return {
    load: book.load(),
    kvBlocks: worker.kvBlocks,
    committedBlocks: book.committedBlocks,
    sharedBlocks: book.prompts.lookup(sequence),
    pinnedBlocks: state.sessions.pinnedBlocks(worker.id, worker.kvBlocks),
    hasPriorities: state.clock.now() - state.priorityAt < PRIORITIES_MS,
  };
}
