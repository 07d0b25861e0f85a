/** All workers of one stack: started together, stopped against one deadline. */
import { randomUUID } from 'node:crypto';
import { DynamoError } from '../errors.js';
import { LIMITS } from '../limits.js';
import { type SpawnChild, spawnChild } from './child.js';
import { type Clock, systemClock } from './clock.js';
import { MemoryClaims } from './memory-claims.js';
import type { SupervisedWorker, SupervisorObserver, SupervisorService } from './types.js';
import { WorkerProcess } from './worker-process.js';

export interface SupervisorOptions {
  observer: SupervisorObserver;
  /** Folder of `<worker>.log`. */
  logDir: string;
  clock?: Clock;
  spawn?: SpawnChild;
  memory?: MemoryClaims;
}

export function createSupervisor(workers: SupervisedWorker[], options: SupervisorOptions): SupervisorService {
  const { observer, logDir, clock = systemClock, spawn = spawnChild } = options;
  const memory = options.memory ?? new MemoryClaims();
  const owners = workers.map(
    (worker) => new WorkerProcess(worker, { observer, logDir, clock, spawn, memory, mark: randomUUID() }),
  );
  let isStopping = false;
  return {
    async start() {
      await Promise.all(owners.map((owner) => owner.start()));
    },
    async stop({ isGraceful }) {
      isStopping = true;
      const deadline = clock.now() + (isGraceful ? LIMITS.stopGraceMs : LIMITS.stopNowMs);
      await Promise.all(owners.map((owner) => owner.stop(deadline)));
    },
    async restart(id) {
      const owner = owners.find((other) => other.id === id);
      if (owner === undefined)
        throw new DynamoError('invalid_request', { detail: `There is no worker ${id}.` });
      await owner.stop(clock.now() + LIMITS.stopGraceMs);
      if (isStopping) throw new DynamoError('invalid_request', { detail: 'The stack is being stopped.' });
      await owner.start();
    },
    tail: (id) => owners.find((owner) => owner.id === id)?.tail() ?? [],
    processes: () => owners.flatMap((owner) => owner.process() ?? []),
  };
}
