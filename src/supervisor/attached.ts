/** Watches workers that somebody else runs: asks for their health, tells what changed, never starts or stops one. */
import { DynamoError } from '../errors.js';
import type { Clock } from './clock.js';
import { systemClock } from './clock.js';
import type { LifecycleState, SupervisorObserver, SupervisorService } from './types.js';

export interface AttachedWorker {
  id: string;
  /** True when it can serve. Never rejects. */
  probe(): Promise<boolean>;
}

export interface WatchOptions {
  observer: SupervisorObserver;
  clock?: Clock;
}

const POLL_MS = 1_000;
/** Unanswered probes in a row after which a worker counts as gone. */
const MISSES = 2;

/** `start` resolves after one round of probes: a worker that comes later is picked up then. */
export function watchAttached(workers: readonly AttachedWorker[], options: WatchOptions): SupervisorService {
  const watches = workers.map((worker) => new Watch(worker, options.observer, options.clock ?? systemClock));
  return {
    async start() {
      await Promise.all(watches.map((watch) => watch.start()));
    },
    async stop() {
      for (const watch of watches) watch.stop();
    },
    restart: async (worker) => {
      const detail = `${worker} is not ours: whoever started it has to restart it.`;
      throw new DynamoError('invalid_request', { detail });
    },
    tail: () => [],
    processes: () => [],
  };
}

class Watch {
  readonly #worker: AttachedWorker;
  readonly #observer: SupervisorObserver;
  readonly #clock: Clock;
  #state: LifecycleState = 'starting';
  #misses = 0;
  #losses = 0;
  #cancel: () => void = () => {};
  #isStopped = false;

  constructor(worker: AttachedWorker, observer: SupervisorObserver, clock: Clock) {
    this.#worker = worker;
    this.#observer = observer;
    this.#clock = clock;
  }

  async start(): Promise<void> {
    this.#tell('starting');
    await this.#round();
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel();
    this.#tell('stopped');
  }

  async #round(): Promise<void> {
    const isHealthy = await this.#worker.probe();
    if (this.#isStopped) return;
    this.#misses = isHealthy ? 0 : this.#misses + 1;
    if (isHealthy && this.#state !== 'ready') this.#tell('ready');
    if (!isHealthy && this.#isGone()) {
      this.#losses += 1;
      this.#tell('failed', 'it does not answer');
    }
    this.#cancel = this.#clock.after(POLL_MS, () => void this.#round());
  }

  #isGone(): boolean {
    return this.#state === 'starting' || (this.#state === 'ready' && this.#misses >= MISSES);
  }

  #tell(state: LifecycleState, reason?: string): void {
    this.#state = state;
    this.#observer.onState(this.#worker.id, state, {
      phase: { name: state === 'ready' ? 'ready' : 'attached', progress: null },
      pid: null,
      restarts: this.#losses,
      ...(reason === undefined ? {} : { reason }),
    });
  }
}
