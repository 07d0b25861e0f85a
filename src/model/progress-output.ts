/** Writes progress to a terminal (one line, redrawn) or to a log (a plain line every few seconds). */
import { type PullProgress, progressLine, progressWords, type ReportProgress } from './progress.js';

export interface ProgressStream {
  isTTY?: boolean;
  columns?: number;
  write(text: string): unknown;
}

export interface ProgressOutput {
  report: ReportProgress;
  /** A sentence on a line of its own. */
  note(sentence: string): void;
  /** Ends the redrawn line; call once when the work is over, failed or not. */
  close(): void;
}

const REDRAW_MS = 100;
const PLAIN_LINE_MS = 5_000;
const CLEAR_LINE = '\r\u001b[2K';

/** `clock` gives milliseconds. A log gets no escape codes. */
export function progressOutput(
  name: string,
  stream: ProgressStream,
  clock: () => number = Date.now,
): ProgressOutput {
  const isTerminal = stream.isTTY === true;
  let lastMs = Number.NEGATIVE_INFINITY;
  let lastPhase = '';
  let isDrawn = false;
  const clear = () => {
    if (isDrawn) stream.write(CLEAR_LINE);
    isDrawn = false;
  };
  const report = (progress: PullProgress) => {
    const pauseMs = isTerminal ? REDRAW_MS : PLAIN_LINE_MS;
    if (progress.phase === lastPhase && clock() - lastMs < pauseMs) return;
    lastMs = clock();
    lastPhase = progress.phase;
    if (!isTerminal) stream.write(`${name}: ${progressWords(progress)}\n`);
    else stream.write(`${CLEAR_LINE}${progressLine(name, progress, (stream.columns ?? 80) - 1)}`);
    isDrawn = isTerminal;
  };
  const note = (sentence: string) => {
    clear();
    stream.write(`${name}: ${sentence}\n`);
  };
  return { report, note, close: clear };
}
