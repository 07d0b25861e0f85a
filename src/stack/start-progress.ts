/** How far a start is: messages of the stack process reduced to phases and times per worker. Pure; times in milliseconds of one clock. */
import type { StartMessage } from './spec.js';

export interface WorkerStart {
  id: string;
  state: string;
  /** The phase it is in while it starts, else its state. */
  phase: string;
  /** 0..1 where the engine says. */
  progress: number | null;
  phaseSince: number;
  /** Phases that are over. */
  done: Record<string, number>;
  /** From the start to the first time it was ready. */
  readyMs: number | null;
  /** Why it is not serving. */
  reason: string | null;
}

export interface StartProgress {
  startedAt: number;
  /** What the stack itself does. */
  step: string;
  workers: WorkerStart[];
}

export const startOf = (now: number, workers: readonly string[]): StartProgress => ({
  startedAt: now,
  step: '',
  workers: workers.map((id) => ({
    id,
    state: 'waiting',
    phase: 'waiting',
    progress: null,
    phaseSince: now,
    done: {},
    readyMs: null,
    reason: null,
  })),
});

export function progressed(start: StartProgress, message: StartMessage, now: number): StartProgress {
  if (message.type === 'step') return { ...start, step: message.text };
  if (message.type !== 'worker') return start;
  return {
    ...start,
    workers: start.workers.map((worker) =>
      worker.id === message.worker
        ? workerProgressed(worker, message, { now, startedAt: start.startedAt })
        : worker,
    ),
  };
}

function workerProgressed(
  worker: WorkerStart,
  { state, phase: name, progress, reason }: Extract<StartMessage, { type: 'worker' }>,
  { now, startedAt }: { now: number; startedAt: number },
): WorkerStart {
  // Everything is taken down after a failure; the failure is what has to be seen.
  if (worker.state === 'failed' && state === 'stopped') return worker;
  const phase = state === 'starting' && name !== '' ? name : state;
  const isSame = phase === worker.phase;
  return {
    ...worker,
    state,
    phase,
    progress,
    phaseSince: isSame ? worker.phaseSince : now,
    done: isSame
      ? worker.done
      : { ...worker.done, [worker.phase]: (worker.done[worker.phase] ?? 0) + now - worker.phaseSince },
    readyMs: worker.readyMs ?? (state === 'ready' ? now - startedAt : null),
    reason: reason ?? (state === 'ready' ? null : worker.reason),
  };
}
