/** The load driver in a process of its own, so that its CPU does not count: one job at a time, over IPC. */
import { measure, soak } from './measure.js';
import { measureStreams } from './measure-streams.js';
import type { DriverAnswer, DriverJob, DriverMessage, DriverOrder } from './types.js';

let go: () => void = () => {};

process.on('message', (order: DriverOrder) => {
  if (order.kind === 'go') {
    go();
    return;
  }
  run(order).then(
    (answer) => tell({ type: 'done', answer }),
    (error: Error) => tell({ type: 'failed', message: error.stack ?? error.message }),
  );
});
process.on('disconnect', () => process.exit(0));
tell({ type: 'ready' });

function run(job: DriverJob): Promise<DriverAnswer> {
  switch (job.kind) {
    case 'measure':
      return measure(job, opened);
    case 'streams':
      return measureStreams(job, opened);
    case 'soak':
      return soak(job, (requests) => tell({ type: 'progress', requests }));
  }
}

/** Resolves when the measurement may begin. */
function opened(): Promise<void> {
  return new Promise((resolve) => {
    go = resolve;
    tell({ type: 'opened' });
  });
}

function tell(message: DriverMessage): void {
  process.send?.(message);
}
