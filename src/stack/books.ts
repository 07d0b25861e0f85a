/** The stack's books: everything that happens, on one bus, and what is kept of it. */
import { createBus, type TelemetryBus } from '../telemetry/bus.js';
import { EventLoopGauge } from '../telemetry/event-loop.js';
import { MetricsCollector } from '../telemetry/metrics/collector.js';
import type { MetricsFormat } from '../telemetry/metrics/exposition.js';
import { metricsText } from '../telemetry/metrics/metrics-text.js';
import { HistoryBook } from '../telemetry/run-history.js';
import { type RunReport, runReport } from '../telemetry/run-report.js';
import { createSnapshotStore, type SnapshotStore } from '../telemetry/snapshot.js';
import type { ProcessSnapshot, Snapshot } from '../telemetry/types.js';
import { routerName } from './routing.js';
import type { StackSpec } from './spec.js';

export class Books {
  readonly bus: TelemetryBus = createBus({ now: Date.now });
  readonly eventLoop = new EventLoopGauge();
  readonly #store: SnapshotStore;
  readonly #metrics = new MetricsCollector();
  readonly #history = new HistoryBook();

  constructor({ name, plan, router, askedAt }: StackSpec, url: string) {
    const { recipe, variant, servedModel: model, engine } = plan;
    const isSimulated = engine === 'simulator';
    const stack = { name, pid: process.pid, url, recipe, variant, model, startedAt: askedAt, isSimulated };
    const identity = { ...stack, router: routerName(router) };
    this.#store = createSnapshotStore(identity, () => processSnapshot(this.eventLoop));
    this.bus.subscribe((event) => this.#store.apply(event));
    this.bus.subscribe((event) => this.#metrics.apply(event));
    this.bus.subscribe((event) => this.#history.apply(event));
  }

  /** The address is known only once the listener is open. */
  setUrl(url: string): void {
    this.#store.setUrl(url);
  }

  snapshot(): Snapshot {
    return this.#store.snapshot(Date.now());
  }

  report(): RunReport {
    return runReport(this.snapshot(), this.#history.history(), this.#metrics);
  }

  metricsText(format: MetricsFormat): string {
    return metricsText(this.snapshot(), this.#metrics, format);
  }

  close(): void {
    this.eventLoop.close();
  }
}

function processSnapshot(eventLoop: EventLoopGauge): ProcessSnapshot {
  const { rss, heapUsed } = process.memoryUsage();
  return { eventLoopMs: eventLoop.summary(), memory: { residentBytes: rss, heapUsedBytes: heapUsed } };
}
