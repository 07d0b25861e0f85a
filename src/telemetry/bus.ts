/** Telemetry events, from everyone who knows something to everyone who listens. */
import type { StampedEvent, TelemetryEvent } from './types.js';

export type Listener = (event: StampedEvent) => void;

export interface TelemetryBus {
  /** Stamps and delivers synchronously, in order. A listener that throws breaks nobody but itself. */
  emit(event: TelemetryEvent): void;
  /** Returns the function that ends the subscription. */
  subscribe(listener: Listener): () => void;
}

/** `now` gives Unix milliseconds. */
export function createBus({ now }: { now: () => number }): TelemetryBus {
  const listeners = new Set<Listener>();
  let sequence = 0;
  return {
    emit(event) {
      const stamped: StampedEvent = { ...event, at: now(), sequence };
      sequence += 1;
      for (const listener of listeners) {
        try {
          listener(stamped);
        } catch (error) {
          console.error('a telemetry listener failed:', error);
        }
      }
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
