/** What rooms report in their own words, as telemetry events. Rooms know nothing of telemetry; only this file joins them. */
import type { SupervisorObserver, WorkerFacts } from '../supervisor/types.js';
import type { TelemetryEvent } from '../telemetry/types.js';

type Emit = (event: TelemetryEvent) => void;

/** Supervisor facts as worker events; `also` sees them after they were emitted. */
export function bridgeSupervisor(
  emit: Emit,
  urlOf: (worker: string) => string,
  also: SupervisorObserver,
): SupervisorObserver {
  return {
    onState(worker, state, facts) {
      const { phase, pid, reason } = facts;
      emit({
        type: 'worker.state',
        worker,
        state,
        phase: phase.name,
        progress: phase.progress,
        url: urlOf(worker),
        ...(pid === null ? {} : { pid }),
        ...(reason === undefined ? {} : { reason }),
      });
      if (facts.telling !== undefined) emit(givenUp(worker, facts));
      also.onState(worker, state, facts);
    },
    onLog(worker, line) {
      emit({ type: 'worker.log', worker, line });
      also.onLog(worker, line);
    },
  };
}

/** A crash loop is over: what the worker said is worth more than that it died. */
function givenUp(worker: string, { reason = 'it ended', telling = [] }: WorkerFacts): TelemetryEvent {
  const said = telling.map((line) => `\n  | ${line}`).join('');
  const message = `${worker} is given up: ${reason}; \`dynamo restart ${worker}\` tries again${said}`;
  return { type: 'warning', code: 'worker_failed', message, worker };
}
