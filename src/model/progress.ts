/** Progress of a long download: rate and time left by a pure meter, one line of text by a pure renderer. */

export type PullPhase = 'waiting' | 'connecting' | 'downloading' | 'unpacking' | 'checking' | 'done';

export interface PullProgress {
  phase: PullPhase;
  doneBytes: number;
  totalBytes: number;
  /** Smoothed over about the last three seconds; null until measured. */
  bytesPerSecond: number | null;
  etaSeconds: number | null;
}

export type ReportProgress = (progress: PullProgress) => void;

const SMOOTHING_SECONDS = 3;
const BAR_COLUMNS_MAX = 30;
const BAR_COLUMNS_MIN = 8;

/** Turns byte counts into progress. `clock` gives milliseconds; counts that go back (another source) restart the rate. */
export class Meter {
  private lastMs: number | null = null;
  private lastBytes = 0;
  private rate: number | null = null;

  constructor(private readonly clock: () => number) {}

  at(phase: PullPhase, doneBytes: number, totalBytes: number): PullProgress {
    const now = this.clock();
    const seconds = this.lastMs === null ? 0 : (now - this.lastMs) / 1_000;
    if (this.lastMs === null || doneBytes < this.lastBytes) {
      this.rate = null;
      this.remember(now, doneBytes);
    } else if (seconds >= 0.1) {
      const current = (doneBytes - this.lastBytes) / seconds;
      const weight = 1 - Math.exp(-seconds / SMOOTHING_SECONDS);
      this.rate = this.rate === null ? current : this.rate + (current - this.rate) * weight;
      this.remember(now, doneBytes);
    }
    const left = Math.max(0, totalBytes - doneBytes);
    const etaSeconds = this.rate === null || this.rate <= 0 ? null : left / this.rate;
    return { phase, doneBytes, totalBytes, bytesPerSecond: this.rate, etaSeconds };
  }

  private remember(now: number, doneBytes: number): void {
    this.lastMs = now;
    this.lastBytes = doneBytes;
  }
}

/** `smollm2 ━━━━━━────── 52 % 51.1/98.4 MB 12.3 MB/s 4 s left`, never wider than `columns`. */
export function progressLine(name: string, progress: PullProgress, columns: number): string {
  const words = progressWords(progress);
  const room = columns - name.length - words.length - 2;
  if (room < BAR_COLUMNS_MIN) return `${name} ${words}`.slice(0, Math.max(0, columns));
  const width = Math.min(room, BAR_COLUMNS_MAX);
  const full = Math.round(share(progress) * width);
  return `${name} ${'━'.repeat(full)}${'─'.repeat(width - full)} ${words}`;
}

/** The same without a bar: `52 % 51.1/98.4 MB 12.3 MB/s 4 s left`. */
export function progressWords(progress: PullProgress): string {
  if (progress.phase !== 'downloading' && progress.phase !== 'unpacking') return PHASE_WORDS[progress.phase];
  const percent = `${Math.floor(share(progress) * 100)} %`;
  const bytes = `${megabytes(progress.doneBytes)}/${megabytes(progress.totalBytes)} MB`;
  if (progress.phase === 'unpacking') return `${PHASE_WORDS.unpacking} ${percent} ${bytes}`;
  const rate = (progress.bytesPerSecond ?? 0) <= 0 ? [] : [`${megabytes(progress.bytesPerSecond ?? 0)} MB/s`];
  const left = progress.etaSeconds === null ? [] : [`${duration(progress.etaSeconds)} left`];
  return [percent, bytes, ...rate, ...left].join(' ');
}

const PHASE_WORDS: Record<PullPhase, string> = {
  waiting: 'waiting for another pull of it',
  connecting: 'connecting',
  downloading: 'downloading',
  unpacking: 'unpacking',
  checking: 'checking',
  done: 'ready',
};

function share(progress: PullProgress): number {
  return progress.totalBytes <= 0 ? 0 : Math.min(1, progress.doneBytes / progress.totalBytes);
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}

function duration(seconds: number): string {
  const whole = Math.ceil(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}
