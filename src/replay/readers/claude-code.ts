/**
 * Session files of kv-cache-tester: one Claude Code session each, with the lengths, 64-token block ids, pauses and
 * sub-agents of its requests. Ids are local to a file, but the tools text that opens every prompt is the same in all.
 */
import type { Part, ReadOptions } from '../types.js';
import { asFields, type Fields, ids, type Place, tokens, traceError } from './checks.js';
import type { Draft, DraftTurn } from './draft.js';

const BLOCK_TOKENS = 64;

export function isSessionFile(value: unknown): value is Fields {
  const fields = value as Fields | null;
  return typeof fields === 'object' && fields !== null && Array.isArray(fields['requests']);
}

/** Files in the order given; file n starts n staggers after the first. */
export function readSessionFiles(files: { file: string; value: Fields }[], options: ReadOptions): Draft {
  const first = files[0]?.value['block_size'];
  const draft: Draft = {
    format: 'claude-code',
    traceBlockTokens:
      options.traceBlockTokens ?? (typeof first === 'number' && first > 0 ? first : BLOCK_TOKENS),
    turns: [],
    sessions: [],
    notes: [],
  };
  files.forEach(({ file, value }, index) => {
    new SessionReader(draft, { file, value, index }, options).read();
  });
  return draft;
}

/** A recorded request, its times in milliseconds of the recording's own clock. */
interface Recorded {
  /** Index of its turn. */
  turn: number;
  endMs: number;
}

class SessionReader {
  readonly #draft: Draft;
  readonly #source: { file: string; value: Fields; index: number };
  readonly #options: ReadOptions;
  readonly #shared: number;
  readonly #opening: Part[];
  /** Position of each id of the first prompt. */
  readonly #firstPositions = new Map<string | number, number>();

  constructor(draft: Draft, source: { file: string; value: Fields; index: number }, options: ReadOptions) {
    this.#draft = draft;
    this.#source = source;
    this.#options = options;
    const tools = optionalTokens(source.value, 'tool_tokens');
    this.#shared = options.privateTools === true ? 0 : Math.floor(tools / draft.traceBlockTokens);
    this.#opening = [
      { kind: 'tools', tokens: tools },
      { kind: 'system', tokens: optionalTokens(source.value, 'system_tokens') },
    ];
  }

  read(): void {
    const { file, value, index } = this.#source;
    const id = typeof value['id'] === 'string' ? value['id'] : (file.split('/').at(-1) as string);
    this.#conversation(value['requests'] as unknown[], id, {
      before: [],
      startMs: index * this.#options.staggerMs,
      path: 'requests',
    });
  }

  /** Adds the turns of one agent; answers the last of them. */
  #conversation(
    requests: unknown[],
    id: string,
    { before, startMs, path }: { before: Recorded[]; startMs: number; path: string },
  ): Recorded | null {
    const session = this.#draft.sessions.push(id) - 1;
    let last: Recorded | null = null;
    // What the next request waits for; sub-agents that were still running when it left are not among them.
    let waitsFor = before;
    requests.forEach((value, n) => {
      const place = { file: this.#source.file, at: `${path}[${n}]` };
      const fields = asFields(value, place);
      if (Array.isArray(fields['requests'])) {
        const sub = this.#conversation(fields['requests'], `${id}/${n}`, {
          before: last === null ? before : [last],
          startMs,
          path: `${place.at}.requests`,
        });
        if (sub !== null) waitsFor = [...waitsFor, sub];
        return;
      }
      last = this.#turn(fields, place, { session, waitsFor, startMs });
      waitsFor = [last];
    });
    return last;
  }

  #turn(
    fields: Fields,
    place: Place,
    { session, waitsFor, startMs }: { session: number; waitsFor: Recorded[]; startMs: number },
  ): Recorded {
    const sentMs = seconds(fields, 't', place) ?? 0;
    const isFirst = waitsFor.length === 0;
    const done = waitsFor.filter(({ endMs }, n) => n === 0 || endMs <= sentMs);
    const thinkMs = seconds(fields, 'think_time', place);
    const gapMs = thinkMs ?? sentMs - Math.max(...done.map(({ endMs }) => endMs));
    const length = tokens(fields, 'in', place);
    const known = ids(fields, 'hash_ids', place);
    const promptTokens = Math.max(1, Math.min(length, known.length * this.#draft.traceBlockTokens));
    const turn: DraftTurn = {
      session,
      atMs: isFirst ? startMs : 0,
      after: done.map((recorded) => recorded.turn),
      delayMs: isFirst ? 0 : Math.min(this.#options.maxDelayMs, Math.max(0, gapMs)),
      promptTokens,
      outputTokens: Math.max(1, tokens(fields, 'out', place)),
      ids: this.#global(known),
      priority: 0,
      parts: this.#parts(promptTokens),
    };
    const index = this.#draft.turns.push(turn) - 1;
    return { turn: index, endMs: sentMs + (seconds(fields, 'api_time', place) ?? 0) };
  }

  /** The tools' blocks are told by their position, all others by file. */
  #global(known: readonly (string | number)[]): (string | number)[] {
    if (this.#firstPositions.size === 0) {
      known.slice(0, this.#shared).forEach((id, at) => {
        this.#firstPositions.set(id, at);
      });
    }
    return known.map((id, at) => (this.#firstPositions.get(id) === at ? at : `${this.#source.index}:${id}`));
  }

  #parts(promptTokens: number): Part[] {
    let left = promptTokens;
    const parts = this.#opening.map(({ kind, tokens: size }) => {
      const part = { kind, tokens: Math.min(left, size) };
      left -= part.tokens;
      return part;
    });
    return [...parts, { kind: 'conversation', tokens: left }];
  }
}

function optionalTokens(fields: Fields, name: string): number {
  const value = fields[name];
  return typeof value === 'number' && Number.isInteger(value) && value > 0 ? value : 0;
}

function seconds(fields: Fields, name: string, place: Place): number | null {
  const value = fields[name];
  if (value === undefined || value === null) return null;
  if (typeof value === 'number' && Number.isFinite(value)) return value * 1000;
  throw traceError(place, `\`${name}\` is not a number of seconds`);
}
