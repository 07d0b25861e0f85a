/** The start of a stack as plain lines: one for each step and each change of a worker's phase. */
import type { StartMessage } from './spec.js';

export interface StartLines {
  show(message: StartMessage): void;
  close(): void;
}

/** Prints a line only when it says something new; percentages are told in steps of a quarter. */
export function startLines(stream: { write(text: string): unknown }): StartLines {
  const last = new Map<string, string>();
  const startedAt = performance.now();
  return {
    show(message) {
      const told = words(message);
      if (told === null || last.get(told.key) === told.text) return;
      last.set(told.key, told.text);
      stream.write(`${((performance.now() - startedAt) / 1000).toFixed(1).padStart(5)} s  ${told.text}\n`);
    },
    close() {
      last.clear();
    },
  };
}

function words(message: StartMessage): { key: string; text: string } | null {
  if (message.type === 'step') return { key: 'step', text: message.text };
  if (message.type === 'ready')
    return { key: 'ready', text: `stack started in ${(message.startMs / 1000).toFixed(1)} s` };
  if (message.type === 'failed') return null;
  const { worker, state, phase, progress, reason } = message;
  const share = progress === null ? '' : ` ${Math.floor(progress * 4) * 25} %`;
  const why = state === 'restarting' && reason !== undefined ? `: ${reason}` : '';
  return {
    key: worker,
    text: `${worker} ${state === 'starting' && phase !== '' ? phase : state}${share}${why}`,
  };
}
