/**
 * What a person sees after a program has written to its terminal: as much of a terminal as the screen uses (cursor moves,
 * erasing, the alternate screen), and an error for anything it does not know, so that nothing is overlooked.
 */

/** A character with the codes of colour and weight it was written in. */
export interface Cell {
  text: string;
  look: string;
}

interface Buffer {
  lines: Cell[][];
  row: number;
  column: number;
}

export interface Visible {
  /** Lines without trailing blanks. */
  lines: string[];
  /** The same with their looks; a cell nothing was written to is absent. */
  cells: (Cell | undefined)[][];
  isAlternate: boolean;
  isCursorShown: boolean;
  /** Codes of colour and weight that were used. */
  styles: Set<string>;
}

const SEQUENCE = /\u001b\[([?>=]?)([\d;]*)([A-Za-z])|\u001b[=>78]|[\r\n\b]|[^\u001b\r\n\b]/gu;

const UNFINISHED = /\u001b(?:\[[?>=]?[\d;]*)?$/;

export function visibleScreen(output: string, rows = 200): Visible {
  const normal: Buffer = { lines: [[]], row: 0, column: 0 };
  const alternate: Buffer = { lines: [[]], row: 0, column: 0 };
  const state = { isAlternate: false, isCursorShown: true, styles: new Set<string>() };
  let look = '';
  // What has come so far may end within a sequence.
  for (const [text, mark, digits, command] of output.replace(UNFINISHED, '').matchAll(SEQUENCE)) {
    const buffer = state.isAlternate ? alternate : normal;
    if (command === undefined) write(buffer, { text, look }, rows);
    else if (mark === '?') setMode(state, `${digits}${command}`, alternate);
    else if (command === 'm') {
      state.styles.add(digits ?? '');
      // What we write ends every look before it begins another.
      look = digits === '0' || digits === undefined ? '' : digits;
    } else move(buffer, command, (digits ?? '').split(';').map(Number));
  }
  const shown = state.isAlternate ? alternate : normal;
  return {
    ...state,
    cells: Array.from(shown.lines, (line) => Array.from(line ?? [])),
    lines: Array.from(shown.lines, (line) =>
      Array.from(line ?? [], (cell) => cell?.text ?? ' ')
        .join('')
        .trimEnd(),
    ),
  };
}

function setMode(
  state: { isAlternate: boolean; isCursorShown: boolean },
  mode: string,
  alternate: Buffer,
): void {
  if (mode === '1049h') {
    state.isAlternate = true;
    Object.assign(alternate, { lines: [[]], row: 0, column: 0 });
  } else if (mode === '1049l') state.isAlternate = false;
  else if (mode === '25h') state.isCursorShown = true;
  else if (mode === '25l') state.isCursorShown = false;
  // Synchronized output, bracketed paste and focus change nothing that is seen.
  else if (!/^(?:2026|2004|1004)[hl]$/.test(mode)) throw new Error(`unknown mode ${mode}`);
}

function write(buffer: Buffer, { text, look }: Cell, rows: number): void {
  if (text.startsWith('\u001b')) return;
  if (text === '\r') buffer.column = 0;
  else if (text === '\b') buffer.column = Math.max(0, buffer.column - 1);
  else if (text === '\n') {
    buffer.row += 1;
    if (buffer.row >= rows) {
      buffer.lines.shift();
      buffer.row -= 1;
    }
    buffer.lines[buffer.row] ??= [];
  } else {
    const line = buffer.lines[buffer.row] ?? [];
    buffer.lines[buffer.row] = line;
    line[buffer.column] = { text, look };
    buffer.column += 1;
  }
}

function move(buffer: Buffer, command: string, [first = 0, second = 0]: number[]): void {
  const count = Math.max(1, first);
  const line = buffer.lines[buffer.row] ?? [];
  if (command === 'A') buffer.row = Math.max(0, buffer.row - count);
  else if (command === 'B') buffer.row += count;
  else if (command === 'C') buffer.column += count;
  else if (command === 'D') buffer.column = Math.max(0, buffer.column - count);
  else if (command === 'G') buffer.column = count - 1;
  else if (command === 'H') Object.assign(buffer, { row: count - 1, column: Math.max(1, second) - 1 });
  else if (command === 'K') buffer.lines[buffer.row] = first === 2 ? [] : line.slice(0, buffer.column);
  else if (command === 'J') {
    if (first === 2) buffer.lines = [[]];
    else {
      buffer.lines[buffer.row] = line.slice(0, buffer.column);
      buffer.lines.length = buffer.row + 1;
    }
  } else throw new Error(`unknown command ${command}`);
}
