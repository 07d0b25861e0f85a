/** The simulated worker: a process that answers like vLLM on GPUs that are not there. */
import { runWorker } from '../worker-main.js';
import { openSimulatedWorker } from './open-worker.js';
import { simulatedWorkerOptions } from './worker-options.js';

await runWorker('dynamo simulated worker', async () => {
  const options = simulatedWorkerOptions(process.argv.slice(2));
  const { names, hardware, speed, blocks, blockTokens } = options;
  const pace = speed === 1 ? 'at its own speed' : `${speed} times as fast`;
  console.log(`SIMULATED: ${names[0]} on ${hardware}, ${pace}, ${blocks} KV blocks of ${blockTokens} tokens`);
  return openSimulatedWorker(options);
});
