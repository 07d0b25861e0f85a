/** The fields of `--kv-events-config` that vLLM and SGLang share. Pure. */
import type { EventEndpoints } from '../plan/types.js';

/** JSON of the option; `more` comes first. */
export function kvEventsConfig({ events, replay, topic }: EventEndpoints, more: object = {}): string {
  return JSON.stringify({ ...more, publisher: 'zmq', endpoint: events, replay_endpoint: replay, topic });
}

/** Stand-ins for a printed plan: `RUNTIME` is the stack's private folder, made when it starts. */
export function plannedEndpoints(id: string): EventEndpoints {
  return { events: `ipc://RUNTIME/${id}-events.sock`, replay: `ipc://RUNTIME/${id}-replay.sock`, topic: '' };
}
