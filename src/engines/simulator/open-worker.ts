/** Puts a simulated worker together: core, events, and the embedded engine's HTTP server in front of it. */
import { serve } from '../embedded/server/http-server.js';
import { EventPublisher } from '../events/publisher.js';
import type { RunningWorker } from '../worker-main.js';
import { type Clock, realClock } from './clock.js';
import { SimulatedCore } from './core.js';
import { simulatedPromptModel } from './prompt-model.js';
import { rooflineTiming } from './timing.js';
import type { SimulatedWorkerOptions } from './worker-options.js';

/** vLLM's release whose dialect it speaks. */
const VERSION = '0.32.0+simulated';

/** Shortest pause between two notes that times are late. */
const NOTE_MS = 60_000;

/** Rejects with the system's error when an address cannot be listened on. */
export async function openSimulatedWorker(
  options: SimulatedWorkerOptions,
  clock: Clock = realClock,
): Promise<RunningWorker & { core: SimulatedCore }> {
  const { names, host, port, events, facts, passTokens, maxRunning } = options;
  const publisher = events === null ? null : await EventPublisher.open(events);
  const { blocks, blockTokens, contextTokens, speed, answerTokens } = options;
  const core = new SimulatedCore({
    ...{ blocks, blockTokens, contextTokens, speed, answerTokens, clock },
    timing: rooflineTiming(facts),
    version: VERSION,
    onLag: lagNote(speed, clock),
    ...(passTokens === undefined ? {} : { passTokens }),
    ...(maxRunning === undefined ? {} : { maxRunning }),
  });
  if (publisher !== null) core.onKvEvents((batch) => publisher.publish(batch));
  const { template } = simulatedPromptModel();
  const server = await serve({ core, template, addBos: false, names, host, port, events });
  return {
    core,
    url: server.url,
    close: async () => {
      await server.close();
      await core.close();
      await publisher?.close();
    },
  };
}

/** Times from a machine that is too slow for the speed asked for are wrong: said in the log, once in a while. */
function lagNote(speed: number, clock: Clock): (ms: number) => void {
  let toldAt = Number.NEGATIVE_INFINITY;
  return (ms) => {
    if (clock.now() - toldAt < NOTE_MS) return;
    toldAt = clock.now();
    console.error(
      `SIMULATED times are late: this machine is ${Math.round(ms)} ms behind a speed of ${speed}; set simulator.speed lower`,
    );
  };
}
