/** Turns what happens to live requests into lines of a recording: `recording.ts` has the form, this file knows no disk. */
import { createHash } from 'node:crypto';
import { sequenceHashes } from '../prompt/hash/block-hash.js';
import type { PreparedPrompt } from '../prompt/types.js';
import type { CommonRequest } from '../request/types.js';
import type { StampedEvent } from '../telemetry/types.js';
import { RECORDING_SCHEMA, type RecordedRequest, type RecordingHeader } from './recording.js';

/** A request on its way. Times are Unix milliseconds. */
interface Pending {
  sentAt: number;
  firstTokenAt: number | null;
  isRouted: boolean;
  generated: number;
  known: Known | null;
}

interface Known {
  session: string;
  parent: string | null;
  priority: number;
  promptTokens: number;
  sequence: BigUint64Array;
  parts: () => [string, number][];
}

export interface RecorderOptions {
  model: string;
  blockTokens: number;
  /** Bytes of block hashes kept, so that a session's next prompt is written as its difference. */
  memoryBytes: number;
}

/**
 * One line per request that a worker answered, whole or until the client left. What failed or was refused is counted in
 * `leftOut`. Session names are digests: a client may put anything into them.
 */
export class Recorder {
  readonly #options: RecorderOptions;
  readonly #pending = new Map<string, Pending>();
  /** Block hashes of each session's last line, least recently written first. */
  readonly #sessions = new Map<string, BigUint64Array>();
  #bytes = 0;
  #startedAt = 0;
  leftOut = 0;

  constructor(options: RecorderOptions) {
    this.#options = options;
  }

  /** First line of a file that begins at `now`; lines after it stand for themselves. */
  header(now: number): string {
    const { model, blockTokens } = this.#options;
    this.#startedAt = now;
    this.#sessions.clear();
    this.#bytes = 0;
    const header: RecordingHeader = { schema: RECORDING_SCHEMA, model, blockTokens, startedAt: now };
    return `${JSON.stringify(header)}\n`;
  }

  /** The prompt of a request that `request.started` announced. */
  prompt(request: CommonRequest, prompt: PreparedPrompt): void {
    const pending = this.#pending.get(request.id);
    if (pending === undefined || prompt.blockTokens !== this.#options.blockTokens) return;
    const { session, hints } = request;
    pending.known = {
      session: session === undefined ? request.id : digest(session.id),
      parent: session?.parentId === undefined ? null : digest(session.parentId),
      priority: hints.priority,
      promptTokens: prompt.tokens.length,
      sequence: sequenceHashes(prompt.localHashes),
      parts: () => partsOf(prompt),
    };
  }

  /** A line when the event ends a request that a worker answered. */
  event(event: StampedEvent): { id: string; session: string; line: string } | null {
    if (event.type === 'request.started') {
      const { id, at } = event;
      this.#pending.set(id, { sentAt: at, firstTokenAt: null, isRouted: false, generated: 0, known: null });
      return null;
    }
    const pending = 'id' in event ? this.#pending.get(event.id) : undefined;
    if (pending === undefined || !('id' in event)) return null;
    if (event.type === 'request.routed') pending.isRouted = true;
    else if (event.type === 'request.first_token') pending.firstTokenAt = event.at;
    else if (event.type === 'request.tokens') pending.generated += event.count;
    else return this.#ended(event, pending);
    return null;
  }

  /** A line was lost: the session's next one must not build on it. */
  forget(session: string): void {
    this.#keep(session, null);
  }

  #ended(event: StampedEvent & { id: string }, pending: Pending) {
    this.#pending.delete(event.id);
    const { known, firstTokenAt, sentAt, generated } = pending;
    const isCut = event.type === 'request.cancelled' && pending.isRouted && firstTokenAt !== null;
    if (known === null || (event.type !== 'request.finished' && !isCut)) {
      this.leftOut += 1;
      return null;
    }
    const usage = event.type === 'request.finished' ? event.usage : null;
    const before = this.#sessions.get(known.session);
    const keep = before === undefined ? 0 : commonBlocks(before, known.sequence);
    const record: RecordedRequest = {
      id: event.id,
      session: known.session,
      ...(known.parent === null ? {} : { parent: known.parent }),
      // A request may have come before its file began: times start with the file.
      sentMs: Math.max(0, sentAt - this.#startedAt),
      firstTokenMs: firstTokenAt === null ? null : Math.max(0, firstTokenAt - this.#startedAt),
      endMs: Math.max(0, event.at - this.#startedAt),
      // Where we count text and not tokens, lengths must be in the unit of the blocks.
      promptTokens: known.promptTokens,
      cachedTokens: usage?.cachedTokens ?? 0,
      outputTokens: usage?.outputTokens ?? generated,
      priority: known.priority,
      keep,
      blocks: Array.from(known.sequence.subarray(keep), (hash) => hash.toString(16).padStart(16, '0')),
      parts: known.parts(),
    };
    this.#keep(known.session, known.sequence);
    return { id: event.id, session: known.session, line: `${JSON.stringify(record)}\n` };
  }

  #keep(session: string, sequence: BigUint64Array | null): void {
    this.#bytes -= this.#sessions.get(session)?.byteLength ?? 0;
    this.#sessions.delete(session);
    if (sequence === null) return;
    this.#sessions.set(session, sequence);
    this.#bytes += sequence.byteLength;
    for (const [oldest, { byteLength }] of this.#sessions) {
      if (this.#bytes <= this.#options.memoryBytes) return;
      this.#sessions.delete(oldest);
      this.#bytes -= byteLength;
    }
  }
}

const digest = (name: string): string => createHash('sha256').update(name).digest('hex').slice(0, 16);

function partsOf({ regions }: PreparedPrompt): [string, number][] {
  const parts: [string, number][] = [];
  for (const { kind, start, end } of regions) {
    const last = parts.at(-1);
    if (last?.[0] === kind) last[1] += end - start;
    else parts.push([kind, end - start]);
  }
  return parts;
}

function commonBlocks(a: BigUint64Array, b: BigUint64Array): number {
  const length = Math.min(a.length, b.length);
  let at = 0;
  while (at < length && a[at] === b[at]) at += 1;
  return at;
}
