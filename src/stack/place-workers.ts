/** The plan with what only this moment can say: free ports and event sockets. */
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { makePrivateDir, type Paths, stackRuntimeDir } from '../cli/paths.js';
import type { EventEndpoints, Plan, WorkerPlan } from '../plan/types.js';
import { freePort } from '../supervisor/ports.js';
import { makeScratchFolder } from './scratch-folder.js';

const KEY_BYTES = 24;

export interface PlaceOptions {
  /** Clients need a key: so do those who ask a worker past the gateway. */
  isKeyed: boolean;
}

/** Gives every worker its own loopback port and event sockets in the stack's private folder. */
export async function placeWorkers(
  plan: Plan,
  paths: Paths,
  name: string,
  { isKeyed }: PlaceOptions = { isKeyed: false },
): Promise<Plan> {
  const dir = stackRuntimeDir(paths, name);
  makePrivateDir(paths.runtime);
  makePrivateDir(dir);
  const workers: WorkerPlan[] = [];
  const taken = new Set<number>();
  for (const worker of plan.workers) {
    // Somebody else has placed it.
    if (worker.attached !== undefined) {
      workers.push(worker);
      continue;
    }
    const port = worker.port === 0 ? await freePort(worker.host, 0, taken) : worker.port;
    taken.add(port);
    const scratch = hasScratch(worker) ? { scratch: makeScratchFolder(dir, worker.id) } : {};
    const key = isKeyed ? { key: randomBytes(KEY_BYTES).toString('hex') } : {};
    workers.push({
      ...worker,
      ...scratch,
      ...key,
      port,
      events: worker.events ?? (await endpoints(dir, worker)),
    });
  }
  return { ...plan, workers };
}

/** Engines in Python leave sockets and files in the temporary folder. */
const hasScratch = ({ engine }: WorkerPlan): boolean => engine === 'vllm' || engine === 'sglang';

/** Unix sockets where ZMQ has them: no port to lose, and the folder's mode keeps others out. */
async function endpoints(dir: string, worker: WorkerPlan): Promise<EventEndpoints> {
  const topic = `kv@${worker.id}`;
  if (process.platform !== 'win32') {
    const socket = (kind: string) => `ipc://${path.join(dir, `${worker.id}-${kind}.sock`)}`;
    return { events: socket('events'), replay: socket('replay'), topic };
  }
  const tcp = async () => `tcp://127.0.0.1:${await freePort('127.0.0.1')}`;
  return { events: await tcp(), replay: await tcp(), topic };
}
