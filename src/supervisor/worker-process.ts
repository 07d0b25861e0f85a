/** The one owner of a worker's process. Everything that happens to it is an event that ends up in `#dispatch`. */
import type { Phase } from '../engines/types.js';
import { DynamoError } from '../errors.js';
import { LIMITS } from '../limits.js';
import type { WorkerPlan } from '../plan/types.js';
import { formatBytes } from '../plan/units.js';
import type { Child, ExitFacts, SpawnChild } from './child.js';
import type { Clock } from './clock.js';
import { keyOf, workerEnvironment } from './environment.js';
import { killMarked, MARK_VARIABLE } from './leftovers.js';
import {
  type Effect,
  isAtRest,
  type Lifecycle,
  type LifecycleEvent,
  STOPPED,
  transition,
} from './lifecycle.js';
import { LogFile } from './log-file.js';
import { LogTail, tellingLines } from './log-lines.js';
import type { MemoryClaims } from './memory-claims.js';
import { freePort } from './ports.js';
import { processFacts } from './process-facts.js';
import { waitUntilReady } from './readiness.js';
import type { ProcessEntry, SupervisedWorker, SupervisorObserver } from './types.js';

export interface WorkerProcessOptions {
  observer: SupervisorObserver;
  logDir: string;
  clock: Clock;
  spawn: SpawnChild;
  memory: MemoryClaims;
  /** Unique to this worker; what it forks can be found by it. */
  mark: string;
}

/** One try of the program: its child, its output's verdict and the asking for readiness end together. */
interface Attempt {
  child: Child | null;
  /** What was started, one space between. */
  commandLine: string;
  /** What it wrote: an earlier try's words do not explain its death. */
  tail: LogTail;
  controller: AbortController;
}

interface Waiter {
  resolve(): void;
  reject(error: DynamoError): void;
}

export class WorkerProcess {
  readonly #supervised: SupervisedWorker;
  /** As it is started next: with another port when the one it had was taken. */
  #worker: WorkerPlan;
  readonly #options: WorkerProcessOptions;
  readonly #log: LogFile;
  readonly #tail = new LogTail();
  #lifecycle: Lifecycle = STOPPED;
  #phase: Phase = { name: 'stopped', progress: null };
  #attempt: Attempt | null = null;
  #remedy = '';
  #waiters: Waiter[] = [];
  #onRest: (() => void)[] = [];
  #cancelPause: () => void = () => {};
  #cancelKill: () => void = () => {};
  #killAt = Number.POSITIVE_INFINITY;

  constructor(supervised: SupervisedWorker, options: WorkerProcessOptions) {
    this.#supervised = supervised;
    this.#worker = supervised.worker;
    this.#options = options;
    this.#log = new LogFile(options.logDir, this.id);
  }

  get id(): string {
    return this.#worker.id;
  }

  /** Resolves when the worker serves; rejects when it failed for good or was stopped. Starts it only once. */
  start(): Promise<void> {
    if (this.#lifecycle.state === 'ready') return Promise.resolve();
    const started = new Promise<void>((resolve, reject) => this.#waiters.push({ resolve, reject }));
    this.#dispatch({ type: 'start' });
    return started;
  }

  /** Asks the process to end and kills it at `deadline` (of the clock); resolves when it is gone. */
  async stop(deadline: number): Promise<void> {
    const rested = new Promise<void>((resolve) => this.#onRest.push(resolve));
    this.#killAt = Math.min(this.#killAt, deadline);
    if (this.#lifecycle.state === 'draining') this.#armKill();
    else this.#dispatch({ type: 'stop' });
    this.#settle();
    await rested;
    await this.#log.close();
  }

  tail(): string[] {
    return this.#tail.lines();
  }

  /** Null when nothing runs. */
  process(): ProcessEntry | null {
    const { child, commandLine } = this.#attempt ?? { child: null, commandLine: '' };
    if (child === null || child.pid === null) return null;
    const startTime = processFacts(child.pid)?.startTime ?? null;
    return { id: this.id, pid: child.pid, startTime, commandLine, mark: this.#options.mark };
  }

  #dispatch(event: LifecycleEvent): void {
    const before = this.#lifecycle;
    const { next, effects } = transition(before, event, LIMITS);
    this.#lifecycle = next;
    if (next.state !== before.state) {
      this.#phase = { name: next.state, progress: null };
      this.#report();
    }
    for (const effect of effects) this.#carryOut(effect);
    this.#settle();
  }

  #carryOut(effect: Effect): void {
    const { clock } = this.#options;
    if (effect.type === 'spawn') void this.#spawn();
    else if (effect.type === 'kill') this.#attempt?.child?.kill();
    else if (effect.type === 'cancel_pause') this.#cancelPause();
    else if (effect.type === 'pause')
      this.#cancelPause = clock.after(effect.ms, () => this.#dispatch({ type: 'pause_over' }));
    else {
      this.#attempt?.controller.abort();
      this.#attempt?.child?.terminate();
      this.#armKill();
    }
  }

  async #spawn(): Promise<void> {
    const attempt: Attempt = {
      ...{ child: null, commandLine: '', tail: new LogTail() },
      controller: new AbortController(),
    };
    this.#attempt = attempt;
    const shortage = this.#shortage();
    if (shortage !== null) {
      this.#attempt = null;
      this.#remedy =
        'Stop what else takes memory, or use fewer workers (`--workers 1`) or a shorter context.';
      this.#dispatch({ type: 'exited', at: this.#options.clock.now(), reason: shortage, isRetryable: true });
      return;
    }
    const facts = await this.#run(attempt).catch((error: Error) => ({
      code: null,
      signal: null,
      error: error.message,
    }));
    attempt.controller.abort();
    this.#options.memory.release(this.id);
    // What it forked into a group of its own outlives the group that was killed.
    killMarked(new Set([this.#options.mark]));
    this.#attempt = null;
    await this.#onExit(facts, attempt.tail.lines());
  }

  /** Memory that is short now may be free again after the pause before the next try. */
  #shortage(): string | null {
    const { memoryBytes = 0 } = this.#worker;
    const left = this.#options.memory.claim(this.id, memoryBytes);
    if (left === null) return null;
    return `it needs ${formatBytes(memoryBytes)} of memory, ${formatBytes(left)} are free`;
  }

  async #run(attempt: Attempt): Promise<ExitFacts> {
    const { plan, adapter } = this.#supervised;
    const { mark } = this.#options;
    const { file, args, env } = adapter.command(plan, this.#worker);
    const spec = {
      file,
      args,
      env: workerEnvironment(process.env, { ...env, ...keyOf(adapter, this.#worker), [MARK_VARIABLE]: mark }),
    };
    attempt.commandLine = [file, ...args].join(' ');
    const child = await this.#options.spawn(spec, (line) => {
      attempt.tail.add(line);
      this.#onLine(line);
    });
    attempt.child = child;
    if (this.#lifecycle.state === 'draining') {
      // A stop came while the program was being started.
      child.terminate();
      this.#armKill();
    } else {
      this.#report();
      void this.#awaitReady(attempt);
    }
    return await child.exited;
  }

  async #awaitReady({ controller }: Attempt): Promise<void> {
    const { readyTimeoutMs: timeoutMs, healthPath: path } = this.#supervised.adapter;
    const { host, port } = this.#worker;
    const answer = await waitUntilReady({ host, port, path, timeoutMs, signal: controller.signal });
    if (answer === 'ready') {
      this.#options.memory.release(this.id);
      this.#dispatch({ type: 'ready' });
    }
    if (answer !== 'late') return;
    this.#remedy = `The whole log is ${this.#log.path}.`;
    this.#dispatch({ type: 'late', reason: `it was not ready within ${Math.round(timeoutMs / 1000)} s` });
  }

  async #onExit(facts: ExitFacts, tail: string[]): Promise<void> {
    this.#cancelKill();
    this.#killAt = Number.POSITIVE_INFINITY;
    const at = this.#options.clock.now();
    if (facts.error !== null) {
      this.#remedy = 'See `dynamo doctor`.';
      this.#dispatch({
        type: 'exited',
        at,
        reason: `the program could not be run: ${facts.error}`,
        isRetryable: false,
      });
      return;
    }
    const cause = this.#supervised.adapter.classify(facts, tail);
    if (this.#lifecycle.condemned === null) this.#remedy = cause.remedy;
    if (cause.code === 'port_in_use') await this.#moveToFreePort();
    this.#dispatch({ type: 'exited', at, reason: cause.message, isRetryable: cause.isRetryable });
  }

  /** Somebody took it between the choice and the start: the same again would end the same way. */
  async #moveToFreePort(): Promise<void> {
    const { host, port } = this.#worker;
    const free = await freePort(host).catch(() => port);
    this.#worker = { ...this.#worker, port: free };
  }

  #onLine(line: string): void {
    this.#tail.add(line);
    this.#log.write(line);
    this.#options.observer.onLog(this.id, line);
    const phase = this.#lifecycle.state === 'starting' ? this.#supervised.adapter.phaseOf(line) : null;
    if (phase === null || (phase.name === this.#phase.name && phase.progress === this.#phase.progress))
      return;
    this.#phase = phase;
    this.#report();
  }

  #armKill(): void {
    this.#cancelKill();
    const { clock } = this.#options;
    this.#cancelKill = clock.after(Math.max(0, this.#killAt - clock.now()), () =>
      this.#attempt?.child?.kill(),
    );
  }

  #report(): void {
    const { state, reason, restarts } = this.#lifecycle;
    this.#options.observer.onState(this.id, state, {
      phase: this.#phase,
      pid: this.#attempt?.child?.pid ?? null,
      restarts,
      port: this.#worker.port,
      ...(reason === null ? {} : { reason }),
      ...(state === 'failed' ? { telling: tellingLines(this.tail()) } : {}),
    });
  }

  /** Answers whoever waits for what has come to pass. */
  #settle(): void {
    const { state } = this.#lifecycle;
    if (state === 'ready') for (const { resolve } of this.#waiters.splice(0)) resolve();
    if (!isAtRest(state)) return;
    // A deadline belongs to the stop it came with.
    this.#killAt = Number.POSITIVE_INFINITY;
    for (const { reject } of this.#waiters.splice(0)) reject(this.#failure());
    for (const resolve of this.#onRest.splice(0)) resolve();
  }

  #failure(): DynamoError {
    if (this.#lifecycle.state === 'stopped') {
      return new DynamoError('start_failed', {
        detail: `worker ${this.id} was stopped while it started`,
        remedy: '',
      });
    }
    const tail = tellingLines(this.tail())
      .map((line) => `  | ${line}`)
      .join('\n');
    const detail = this.#lifecycle.reason ?? 'unknown';
    return new DynamoError('worker_failed', { worker: this.id, detail, tail, remedy: this.#remedy });
  }
}
