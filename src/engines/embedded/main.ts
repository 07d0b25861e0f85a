/** The embedded worker: one process, one core, one HTTP server. */
import { runWorker } from '../worker-main.js';
import { openWorker } from './server/open-worker.js';
import { workerOptions } from './server/worker-options.js';

await runWorker('dynamo embedded worker', (onPhase) =>
  openWorker(workerOptions(process.argv.slice(2)), onPhase),
);
