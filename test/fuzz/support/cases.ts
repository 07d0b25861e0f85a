/** How many cases each fuzz test runs, and from which seed: few with every change, many with `npm run test:fuzz`. */
import { Mutator } from '../../gateway/support/mutate.js';

export const CASES = Number(process.env['DYNAMO_FUZZ'] ?? 2_000);
export const SEED = Number(process.env['DYNAMO_FUZZ_SEED'] ?? 1);

/** Bytes with one to four wounds: altered, removed, repeated, swapped in from elsewhere, cut. */
export function wounded(bytes: Uint8Array, mutator: Mutator): Buffer {
  let out = Buffer.from(bytes);
  for (let count = 1 + mutator.next(4); count > 0 && out.length > 0; count -= 1) {
    const at = mutator.next(out.length);
    const length = 1 + mutator.next(Math.min(16, out.length - at));
    const kind = mutator.next(6);
    if (kind === 0) out = Buffer.concat([out.subarray(0, at), out.subarray(at + length)]);
    else if (kind === 1) out = Buffer.concat([out.subarray(0, at + length), out.subarray(at)]);
    else if (kind === 2) out = out.subarray(0, at);
    else if (kind === 3) out.fill(mutator.of([0, 0xff, 0x7f, 0x80, 0xdd, 0xdf]), at, at + length);
    else for (let byte = at; byte < at + length; byte += 1) out[byte] = mutator.next(256);
  }
  return out;
}

/** Text with lines removed, repeated, moved, indented otherwise, or altered in place. */
export function woundedLines(text: string, mutator: Mutator, words: readonly string[]): string {
  const lines = text.split('\n');
  for (let count = 1 + mutator.next(4); count > 0; count -= 1) {
    const at = mutator.next(lines.length);
    const line = lines[at] as string;
    const place = mutator.next(line.length + 1);
    const kind = mutator.next(7);
    if (kind === 0) lines.splice(at, 1);
    else if (kind === 1) lines.splice(at, 0, lines[mutator.next(lines.length)] as string);
    else if (kind === 2) lines[at] = `${' '.repeat(mutator.next(9))}${line.trimStart()}`;
    else if (kind === 3) lines[at] = line.slice(0, place);
    else if (kind === 4) lines[at] = line.replace(/:.*$/, `: ${mutator.of(words)}`);
    else lines[at] = line.slice(0, place) + mutator.of(words) + line.slice(place);
    if (lines.length === 0) return '';
  }
  return lines.join('\n');
}

/** Runs `one` for every case; a failure tells which. */
export async function everyCase<T>(
  make: (mutator: Mutator) => T,
  one: (value: T, run: number) => void | Promise<void>,
  cases: number = CASES,
): Promise<void> {
  const mutator = new Mutator(SEED);
  for (let run = 0; run < cases; run += 1) {
    const value = make(mutator);
    try {
      await one(value, run);
    } catch (cause) {
      const shown = Buffer.isBuffer(value) ? value.toString('hex') : JSON.stringify(value);
      throw new Error(`case ${run} of seed ${SEED} failed: ${shown?.slice(0, 4_000)}`, { cause });
    }
  }
}
