/** The one key map: what a key does, where it does so, and the words that footer and help say of it. */
import type { Mode, View } from './ui-state.js';

export type Command =
  | { type: 'view'; view: View }
  | { type: 'next-view' }
  | { type: 'move'; by: number }
  | { type: 'open' }
  | { type: 'back' }
  | { type: 'filter' }
  | { type: 'sort' }
  | { type: 'pause' }
  | { type: 'help' }
  | { type: 'follow' }
  | { type: 'source'; by: number }
  | { type: 'restart' }
  | { type: 'suspend' }
  | { type: 'quit' }
  | { type: 'interrupt' };

export interface Binding {
  /** As ink names it, or the character itself. */
  keys: readonly string[];
  /** As people read it. */
  label: string;
  command: Command;
  /** Views it works in; absent: all. */
  views?: readonly View[];
  does: string | ((mode: Mode) => string);
  /** It changes the stack: off with `--readonly`. */
  isAction?: boolean;
  /** Told in the help only. */
  isQuiet?: boolean;
}

/** Views in the order of their keys, with their names on the screen. */
export const VIEWS: readonly { view: View; about: string }[] = [
  { view: 'overview', about: 'workers, cache, latency and the newest requests at once' },
  { view: 'workers', about: 'state, load, KV cache, hit rate and speed of each' },
  { view: 'cache', about: 'tiers, kinds of prompt text, and why prompts were not read from a cache' },
  { view: 'requests', about: 'sort, filter, and why each went where it went' },
  { view: 'sessions', about: 'hit rate turn by turn, sub-agents below their session' },
  { view: 'latency', about: 'percentiles, and time to first token over the last minutes' },
  { view: 'logs', about: 'what workers and the stack write' },
];

const LISTS: readonly View[] = ['workers', 'requests', 'sessions', 'logs'];

export const BINDINGS: readonly Binding[] = [
  ...VIEWS.map(
    ({ view, about }, index): Binding => ({
      keys: [String(index + 1)],
      label: String(index + 1),
      command: { type: 'view', view },
      does: `${view}: ${about}`,
      isQuiet: true,
    }),
  ),
  { keys: ['tab'], label: 'Tab', command: { type: 'next-view' }, does: 'next view', isQuiet: true },
  {
    keys: ['up', 'k'],
    label: 'k',
    command: { type: 'move', by: -1 },
    views: LISTS,
    does: 'up',
    isQuiet: true,
  },
  {
    keys: ['down', 'j'],
    label: 'j',
    command: { type: 'move', by: 1 },
    views: LISTS,
    does: 'down',
    isQuiet: true,
  },
  {
    keys: ['pageup'],
    label: 'PgUp',
    command: { type: 'move', by: -10 },
    views: LISTS,
    does: '10 up',
    isQuiet: true,
  },
  {
    keys: ['pagedown'],
    label: 'PgDn',
    command: { type: 'move', by: 10 },
    views: LISTS,
    does: '10 down',
    isQuiet: true,
  },
  { keys: ['return'], label: 'Enter', command: { type: 'open' }, views: ['requests'], does: 'explain' },
  {
    keys: ['/'],
    label: '/',
    command: { type: 'filter' },
    views: ['requests', 'sessions', 'logs'],
    does: 'filter',
  },
  { keys: ['s'], label: 's', command: { type: 'sort' }, views: ['requests', 'sessions'], does: 'sort' },
  { keys: ['s'], label: 's', command: { type: 'sort' }, views: ['latency'], does: 'next graph' },
  {
    keys: ['left', 'h'],
    label: 'h',
    command: { type: 'source', by: -1 },
    views: ['logs'],
    does: 'log before',
  },
  { keys: ['right', 'l'], label: 'l', command: { type: 'source', by: 1 }, views: ['logs'], does: 'next log' },
  { keys: ['f'], label: 'f', command: { type: 'follow' }, views: ['logs'], does: 'follow' },
  {
    keys: ['R'],
    label: 'R',
    command: { type: 'restart' },
    views: ['workers'],
    does: 'drain and restart',
    isAction: true,
  },
  { keys: ['p'], label: 'p', command: { type: 'pause' }, does: 'pause' },
  { keys: ['?'], label: '?', command: { type: 'help' }, does: 'help' },
  { keys: ['escape'], label: 'Esc', command: { type: 'back' }, does: 'back', isQuiet: true },
  {
    keys: ['q'],
    label: 'q',
    command: { type: 'quit' },
    does: (mode) => (mode === 'up' ? 'leave, the stack keeps running' : 'leave'),
  },
  {
    keys: ['ctrl+c'],
    label: 'Ctrl-C',
    command: { type: 'interrupt' },
    does: (mode) => (mode === 'up' ? 'stop the stack' : 'leave'),
  },
  {
    keys: ['ctrl+z'],
    label: 'Ctrl-Z',
    command: { type: 'suspend' },
    does: 'suspend, `fg` comes back',
    isQuiet: true,
  },
];

export interface KeyPlace {
  view: View;
  isReadonly: boolean;
}

/** Bindings that do something here. */
export function bindingsFor({ view, isReadonly }: KeyPlace): Binding[] {
  return BINDINGS.filter(
    ({ views, isAction }) =>
      (views === undefined || views.includes(view)) && !(isReadonly && isAction === true),
  );
}

export function commandFor(key: string, place: KeyPlace): Command | null {
  return bindingsFor(place).find(({ keys }) => keys.includes(key))?.command ?? null;
}

export const wordsOf = ({ does }: Binding, mode: Mode): string =>
  typeof does === 'string' ? does : does(mode);

/** Names of the keys that ink's `useInput` tells with flags. */
const FLAGGED = [
  ['upArrow', 'up'],
  ['downArrow', 'down'],
  ['leftArrow', 'left'],
  ['rightArrow', 'right'],
  ['pageUp', 'pageup'],
  ['pageDown', 'pagedown'],
  ['return', 'return'],
  ['escape', 'escape'],
  ['tab', 'tab'],
  ['backspace', 'backspace'],
  ['delete', 'backspace'],
] as const;

const CONTROLS: Record<string, string> = {
  '\u007f': 'backspace',
  '\b': 'backspace',
  '\r': 'return',
  '\t': 'tab',
};

type Flags = Record<(typeof FLAGGED)[number][0] | 'ctrl', boolean>;

/** What `useInput` gives, as names. Keys pressed fast come as one text; each of them counts. */
export function keyNames(input: string, key: Flags): string[] {
  const named = FLAGGED.find(([flag]) => key[flag]);
  if (named !== undefined) return [named[1]];
  if (key.ctrl) return [`ctrl+${input}`];
  return [...input].map((character) => CONTROLS[character] ?? character);
}
