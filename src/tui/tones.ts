/** The tone of each state word. */
import type { Tone } from './line.js';

export const STATE_TONES: Record<string, Tone> = {
  ready: 'good',
  done: 'dim',
  active: 'accent',
  queued: 'warn',
  starting: 'warn',
  restarting: 'warn',
  draining: 'warn',
  degraded: 'warn',
  failed: 'bad',
  rejected: 'bad',
  cancelled: 'dim',
  stopped: 'bad',
};
