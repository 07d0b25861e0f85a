/** What the supervisor is given and what it tells. */
import type { EngineAdapter, Phase } from '../engines/types.js';
import type { Plan, WorkerPlan } from '../plan/types.js';

export type LifecycleState = 'starting' | 'ready' | 'draining' | 'failed' | 'restarting' | 'stopped';

export interface SupervisedWorker {
  plan: Plan;
  worker: WorkerPlan;
  adapter: EngineAdapter;
}

export interface WorkerFacts {
  phase: Phase;
  pid: number | null;
  reason?: string;
  restarts: number;
  /** Where it listens; another after a death because of a taken port. Absent where somebody else runs it. */
  port?: number;
  /** Of one that is given up: the lines of its output that say why. */
  telling?: string[];
}

/** Facts, in order, per worker. A listener may not throw. */
export interface SupervisorObserver {
  onState(worker: string, state: LifecycleState, facts: WorkerFacts): void;
  onLog(worker: string, line: string): void;
}

/** Owner of every worker process; nobody else starts or stops one. */
export interface SupervisorService {
  /** Starts all workers in parallel; resolves when all are ready, rejects with DynamoError `worker_failed` when one cannot. */
  start(): Promise<void>;
  /** Drains (stop ladder with one shared deadline) and awaits every exit. Idempotent. */
  stop(options: { isGraceful: boolean }): Promise<void>;
  /**
   * Ends one worker's process and starts another; resolves when that serves, rejects with DynamoError when it cannot, when
   * the workers are somebody else's, or when everything is being stopped.
   */
  restart(worker: string): Promise<void>;
  /** Last lines of a worker's output. */
  tail(worker: string): string[];
  /** What runs now, to be kept in the stack's state file for `reapLeftovers`. */
  processes(): ProcessEntry[];
}

/** Names one process of ours beyond doubt: a pid alone may have been given to somebody else. */
export interface ProcessEntry {
  /** Worker. */
  id: string;
  pid: number;
  /** Clock ticks after boot, field 22 of `/proc/PID/stat`; null where the system does not say (never reaped then). */
  startTime: string | null;
  /** Program and arguments, one space between. */
  commandLine: string;
  /** Value of DYNAMO_WORKER in its environment, inherited by what it forks. */
  mark?: string;
}
