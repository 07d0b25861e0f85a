/** `--record DIR`: what requests are like, kept for `dynamo replay`. Lengths, hashes, times; never text. */
import type { GatewayDeps } from '../gateway/types.js';
import { LIMITS } from '../limits.js';
import { Recorder } from '../replay/recorder.js';
import type { StampedEvent, TelemetryEvent } from '../telemetry/types.js';
import { RecordFiles } from './record-files.js';

const FLUSH_MS = 1_000;

export interface Recording {
  onPrompt: NonNullable<GatewayDeps['onPrompt']>;
  apply(event: StampedEvent): void;
  close(): Promise<void>;
}

export function startRecording(
  dir: string,
  facts: { model: string; blockTokens: number },
  emit: (event: TelemetryEvent) => void,
): Recording {
  const recorder = new Recorder({ ...facts, memoryBytes: LIMITS.recordMemoryBytes });
  const files = new RecordFiles(dir);
  let told = '';
  const tell = (): void => {
    const stats = { ...files.stats(), leftOut: recorder.leftOut };
    const text = JSON.stringify(stats);
    if (text === told) return;
    const { fault } = stats;
    if (fault !== null && !told.includes('"fault":"')) {
      emit({ type: 'warning', code: 'recording_failed', message: `recording in ${dir} has ended: ${fault}` });
    }
    told = text;
    emit({ type: 'recording.stats', recording: stats });
  };
  tell();
  const timer = setInterval(() => void files.flush().then(tell), FLUSH_MS);
  timer.unref();
  return {
    onPrompt: (request, prompt) => recorder.prompt(request, prompt),
    apply: (event) => {
      if (event.type === 'recording.stats') return;
      if (files.needsFile()) files.begin(event.at, recorder.header(event.at));
      const made = recorder.event(event);
      if (made !== null && !files.add(made.line)) recorder.forget(made.session);
    },
    close: async () => {
      clearInterval(timer);
      await files.close();
      tell();
    },
  };
}
