/** The start on a terminal: steps stay as lines, the workers below them are drawn anew in place. */
import type { StartMessage } from './spec.js';
import { boardLines } from './start-board-text.js';
import { type StartLines, startLines } from './start-lines.js';
import { progressed, type StartProgress } from './start-progress.js';
import type { StartTimes } from './start-times.js';

export interface BoardStream {
  write(text: string): unknown;
  columns?: number;
  rows?: number;
}

export interface StartBoardOptions {
  start: StartProgress;
  last: StartTimes | null;
  isAscii: boolean;
  now(): number;
  /** Calls back every so often until the answer is called. */
  every(ms: number, callback: () => void): () => void;
}

const REDRAW_MS = 250;

export function startBoard(stream: BoardStream, options: StartBoardOptions): StartLines {
  let start = options.start;
  let drawn = 0;
  const erase = () => {
    const up = drawn === 0 ? '' : `\u001b[${drawn}A\u001b[J`;
    drawn = 0;
    return `\r${up}`;
  };
  const draw = (above = '') => {
    const { columns = 80, rows = 24 } = stream;
    const { last, isAscii } = options;
    const lines = boardLines(start, {
      now: options.now(),
      columns: columns || 80,
      rows: rows || 24,
      isAscii,
      last,
    });
    // One write: nothing flickers.
    const before = erase();
    stream.write(`${before}${above}${lines.join('\n')}\n`);
    drawn = lines.length;
  };
  const steps = startLines({
    write: (text) => draw(text),
  });
  const stop = options.every(REDRAW_MS, () => draw());
  return {
    show(message: StartMessage) {
      start = progressed(start, message, options.now());
      if (message.type === 'worker') draw();
      else steps.show(message);
    },
    close() {
      stop();
      steps.close();
    },
  };
}
