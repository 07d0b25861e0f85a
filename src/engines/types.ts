/** What the rest of the stack may know of an engine: how to start it, when it is ready, what it speaks. */
import type { EngineName, Plan, WorkerPlan } from '../plan/types.js';
import type { Continuation } from '../request/continuation.js';
import type { MetricNames } from './capabilities.js';

/** A step of a worker's start, shown while it runs. */
export interface Phase {
  /** `download`, `weights`, `compile`, `warming`, `ready`, … */
  name: string;
  /** 0..1 where the engine says, else null. */
  progress: number | null;
}

/** Why a worker died, read from its exit and log tail. */
export interface FailureCause {
  /** `out_of_memory`, `out_of_gpu_memory`, `port_in_use`, `model_corrupt`, `model_gated`, `driver`, `unknown_flag`, `crash`, … */
  code: string;
  /** What happened and what to try, one sentence each. */
  message: string;
  remedy: string;
  /** False when a restart cannot help (bad flag, corrupt model). */
  isRetryable: boolean;
}

/**
 * One adapter per engine. Pure except `locate` and `prepare`, which run once before any worker starts, the second of
 * them perhaps for long (it reports progress); every other method answers at once and never throws.
 */
export interface EngineAdapter {
  readonly name: EngineName;
  /**
   * Finds the engine's program on this host and checks its release; resolves with the plan that names it. Rejects with
   * `engine_missing`. Absent where the engine comes with dynamo.
   */
  locate?(plan: Plan, dataDir: string): Promise<Plan>;
  /**
   * One-time work for a plan, e.g. requantizing a model; must be idempotent and safe to interrupt. Resolves with
   * the plan to start: the same, or one that names what was made.
   */
  prepare(plan: Plan, report: (phase: Phase) => void): Promise<Plan>;
  /** Argv and environment of one worker, its port and sockets already chosen. */
  command(plan: Plan, worker: WorkerPlan): { file: string; args: string[]; env: Record<string, string> };
  /** Phase told by one line of the worker's output, null when the line says nothing. */
  phaseOf(line: string): Phase | null;
  /** GET path that answers 200 when the worker can serve. */
  readonly healthPath: string;
  /** Milliseconds until an unready worker counts as failed. */
  readonly readyTimeoutMs: number;
  /** Reads the cause of a death from its facts. */
  classify(exit: { code: number | null; signal: string | null }, tail: string[]): FailureCause;
  /** Converts our priority (higher = more important) to the engine's body field; undefined when it has none. */
  enginePriority(priority: number): number | undefined;
  /** Body field in which a chat's token ids may be sent beside its messages, saving template and tokenizer; absent = none. */
  readonly tokenIdsField?: string;
  /** How an answer that one worker began goes on at another; absent = not. */
  readonly continuation?: Continuation;
  /**
   * The engine is asked for a whole answer where the client is: reading 64 pieces to put them together again costs more
   * than all the rest of a small request. Absent = always a stream.
   */
  readonly answersWhole?: boolean;
  /** Body field for how long ranges of the prompt are worth keeping (`RetentionSpan[]`); absent = the engine decides. */
  readonly retentionField?: string;
  /** Body field that says that a prompt is computed ahead of any request, so that what it reads is no hit; absent = none. */
  readonly warmField?: string;
  /** Variable in which a worker is told the one key it answers to (all but `/health`); absent = it cannot be told. */
  readonly keyVariable?: string;
  /** Prometheus names of the figures we scrape. */
  readonly metrics: MetricNames;
}
