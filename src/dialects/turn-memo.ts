/**
 * Turns decoded lately, by the very objects they were decoded from: the bodies of one conversation share the parsed
 * messages they have in common (`gateway/body-memo`), and then they share the turns too. Whoever holds a turn may
 * therefore take the same object for the same content; nobody changes one.
 */
import { GrownLists } from '../request/grown-list.js';
import type { Message } from '../request/types.js';
import type { TurnList } from './turns.js';

/** Messages of a body that together make up turns of their own. */
interface Segment {
  raws: readonly object[];
  /** What stood before them: it decides whether a message opens a turn, and of which role. */
  after: string;
  turns: readonly Message[];
  /** The message after them, which was seen not to join them. */
  next: unknown;
}

const segments = new WeakMap<object, Segment>();

/** What the beginning of a list came to, up to its last turn: more messages may join that one. */
interface Beginning {
  /** What stood before the list. */
  after: string;
  turns: readonly Message[];
  /** The list's turns begin and end here. */
  start: number;
  end: number;
  /** The message after them, which was seen not to join them. */
  next: unknown;
}

const beginnings = new GrownLists<unknown, Beginning>();

/** Adds every message of the list to the turns, by `decode` or as it was decoded before. */
export function decodeTurnList(
  list: readonly unknown[],
  turns: TurnList,
  decode: (message: unknown, index: number) => void,
): void {
  const { messages } = turns;
  const start = messages.length;
  const state = stateOf(messages.at(-1));
  let open: Open = null;
  let isApart = true;
  /** Messages that make up whole turns, and how many turns there are with them. */
  let whole = { count: 0, end: start };
  const begun = beginnings.find(list);
  if (begun !== null && begun.made.after === state && list[begun.count] === begun.made.next) {
    const { made } = begun;
    for (let at = made.start; at < made.end; at++) messages.push(made.turns[at] as Message);
    whole = { count: begun.count, end: messages.length };
  }
  for (let index = whole.count; index < list.length; index++) {
    const raw = list[index];
    const known = knownAt(list, index, stateOf(messages.at(-1)));
    if (known !== null) {
      settle(open, messages, raw, messages.length);
      open = null;
      messages.push(...known.turns);
      index += known.raws.length - 1;
      whole = { count: index + 1, end: messages.length };
      continue;
    }
    const before = messages.length;
    const after = stateOf(messages.at(-1));
    decode(raw, index);
    const object = typeof raw === 'object' && raw !== null ? raw : null;
    if (messages.length > before) {
      settle(open, messages, raw, before);
      open = object === null ? null : { raws: [object], startsAt: before, after };
      whole = { count: index, end: before };
    } else if (open !== null && object !== null) open.raws.push(object);
    if (index === 0) isApart = messages.length > before;
  }
  settle(open, messages, undefined, messages.length);
  const { count, end } = whole;
  // Where the first message joined what stood before the list, the turns are not the list's alone.
  if (isApart && count > (begun?.count ?? 0))
    beginnings.keep(list, count, { after: state, turns: messages, start, end, next: list[count] });
}

type Open = { raws: object[]; startsAt: number; after: string } | null;

/** All that `TurnList` looks at of the turn before. */
function stateOf(last: Message | undefined): string {
  if (last?.role !== 'user') return last?.role ?? 'none';
  const isResults = last.blocks.length > 0 && last.blocks.every(({ type }) => type === 'tool_result');
  return isResults ? 'results' : 'user';
}

/** A segment seen before that stands here again, followed by what followed it then. */
function knownAt(list: readonly unknown[], index: number, after: string): Segment | null {
  const first = list[index];
  if (typeof first !== 'object' || first === null) return null;
  const known = segments.get(first);
  if (known === undefined || known.after !== after || known.next === undefined) return null;
  const { raws } = known;
  if (list[index + raws.length] !== known.next) return null;
  return raws.every((raw, at) => list[index + at] === raw) ? known : null;
}

/** Remembers the segment up to turn `end`; one of the same messages gives its turns, so that they stay the same objects. */
function settle(open: Open, messages: Message[], next: unknown, end: number): void {
  if (open === null) return;
  const { raws, startsAt, after } = open;
  const first = raws[0] as object;
  const known = segments.get(first);
  const isSame =
    known?.after === after &&
    known.raws.length === raws.length &&
    raws.every((raw, at) => known.raws[at] === raw);
  if (isSame) {
    messages.splice(startsAt, end - startsAt, ...known.turns);
    if (next !== undefined) known.next = next;
    return;
  }
  segments.set(first, { raws, after, turns: messages.slice(startsAt, end), next });
}
