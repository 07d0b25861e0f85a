/** Which cells are measured, and how often. */
import { DynamoError } from '../../errors.js';
import type { Cell, Mode } from './types.js';

export const MODES: readonly Mode[] = ['next', 'repeated', 'cold'];

export interface Wish {
  modes: string;
  /** `16KiB,256KiB,2MiB`. */
  sizes: string;
  connections: string;
  /** `stream,plain`. */
  answers: string;
}

/** What a request costs grows with its size: so many requests, but not more than so many bytes, for a second's worth. */
const REQUESTS_PER_SECOND = 1_200;
const BYTES_PER_SECOND = 128 * 1024 * 1024;
/** A prompt never seen is tokenized whole, which takes many times longer. */
const COLD_SHARE = 1 / 16;
const BODY_BYTES = { min: 1_024, max: 16 * 1024 * 1024 };
const CONNECTIONS_MAX = 256;

/** Throws `usage` for a list that cannot be. */
export function cellsOf(wish: Wish): Cell[] {
  const modes = list(wish.modes, 'modes', (text) => MODES.find((mode) => mode === text));
  const sizes = list(wish.sizes, 'sizes', parseSize);
  const connections = list(wish.connections, 'connections', (text) => whole(text, 1, CONNECTIONS_MAX));
  const answers = list(wish.answers, 'answers', (text) =>
    text === 'stream' ? true : text === 'plain' ? false : undefined,
  );
  return modes.flatMap((mode) =>
    sizes.flatMap((bodyBytes) =>
      answers.flatMap((isStream) =>
        connections.map((count) => ({ mode, bodyBytes, isStream, connections: count })),
      ),
    ),
  );
}

/** Requests of one cell on one candidate over all rounds; the same for each candidate, so that all see the same bodies. */
export function requestsOf({ mode, bodyBytes, connections }: Cell, seconds: number): number {
  const wanted = Math.min(REQUESTS_PER_SECOND, BYTES_PER_SECOND / bodyBytes) * seconds;
  return Math.max(connections, 4, Math.ceil(mode === 'cold' ? wanted * COLD_SHARE : wanted));
}

/** `16KiB`, `2MiB` or plain bytes; undefined when it is none, or out of bounds. */
export function parseSize(text: string): number | undefined {
  const parts = /^(\d{1,9})(B|KiB|MiB)?$/i.exec(text);
  if (parts === null) return undefined;
  const unit = { b: 1, kib: 1_024, mib: 1_048_576 }[(parts[2] ?? 'B').toLowerCase()] ?? 1;
  return whole(String(Number(parts[1]) * unit), BODY_BYTES.min, BODY_BYTES.max);
}

/** A number above 0 of a flag; throws `usage`. */
export function positive(flag: string, text: string): number {
  return list(text, flag, (part) => (Number(part) > 0 ? Number(part) : undefined))[0] as number;
}

/** `16 KiB`. */
export function sizeText(bytes: number): string {
  if (bytes % 1_048_576 === 0) return `${bytes / 1_048_576} MiB`;
  return bytes % 1_024 === 0 ? `${bytes / 1_024} KiB` : `${bytes} B`;
}

function whole(text: string, min: number, max: number): number | undefined {
  const value = Number(text);
  return /^\d+$/.test(text) && value >= min && value <= max ? value : undefined;
}

function list<T>(text: string, flag: string, read: (part: string) => T | undefined): T[] {
  return text.split(',').map((part) => {
    const value = read(part.trim());
    if (value !== undefined) return value;
    throw new DynamoError('usage', {
      detail: `\`--${flag} ${text}\` is not valid: \`${part.trim()}\`.`,
      remedy: 'See `dynamo bench gateway --help` for what it takes.',
    });
  });
}
