/** The end of a log file, and what is added to it. */
import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** Bytes read from the end: more than the lines anyone asks for. */
const TAIL_BYTES = 4 * 1024 * 1024;
const POLL_MS = 250;

/** The last `count` lines, of the last `bytesMax` bytes at most. */
export function tailFile(file: string, count: number, bytesMax: number = TAIL_BYTES): string[] {
  const fd = openSync(file, 'r');
  try {
    const { size } = fstatSync(fd);
    const text = readRange(fd, Math.max(0, size - bytesMax), size).trimEnd();
    return count === 0 || text === '' ? [] : text.split('\n').slice(-count);
  } finally {
    closeSync(fd);
  }
}

/** Calls back with text appended after the call; follows a rotation. Never resolves: the user interrupts it. */
export async function followFile(file: string, onText: (text: string) => void): Promise<never> {
  let position = statSync(file).size;
  while (true) {
    await sleep(POLL_MS);
    const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
    if (size < position) position = 0;
    if (size === position) continue;
    const fd = openSync(file, 'r');
    onText(readRange(fd, position, size));
    closeSync(fd);
    position = size;
  }
}

function readRange(fd: number, start: number, end: number): string {
  const buffer = Buffer.alloc(end - start);
  const bytes = readSync(fd, buffer, 0, buffer.length, start);
  return buffer.toString('utf8', 0, bytes);
}
