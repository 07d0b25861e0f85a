/** Tiers that an engine keeps by itself: its folder is held within its quota, and what is known of them is shown. */
import { EngineFiles } from '../cache/engine-files.js';
import type { Plan } from '../plan/types.js';
import type { TelemetryEvent } from '../telemetry/types.js';

const SWEEP_MS = 15_000;

/** Null where there is no folder to look after. */
export function keepEngineTiers(
  { tiers = [] }: Pick<Plan, 'tiers'>,
  emit: (event: TelemetryEvent) => void,
): { close(): void } | null {
  const disk = tiers.find(({ name }) => name === 'disk');
  if (disk?.at == null || disk.bytesMax === null) return null;
  const { at: dir, bytesMax } = disk;
  const files = new EngineFiles({ dir, bytesMax });
  let fault: string | null = null;
  let isRunning = false;
  const look = async (): Promise<void> => {
    if (isRunning) return;
    isRunning = true;
    try {
      const { bytes, files: blocks, evicted } = await files.sweep();
      fault = null;
      const unknown = { hitTokens: 0, readBytes: 0, writtenBytes: 0 };
      emit({
        type: 'tier.stats',
        tiers: [{ name: 'disk', bytes, bytesMax, blocks, evicted, fault, ...unknown }],
      });
    } catch (error) {
      const message = `${dir} cannot be kept within its quota: ${(error as Error).message}`;
      if (fault !== message) emit({ type: 'warning', code: 'tier_failed', message });
      fault = message;
    }
    isRunning = false;
  };
  void look();
  const timer = setInterval(() => void look(), SWEEP_MS);
  timer.unref();
  return { close: () => clearInterval(timer) };
}
