/** A key pressed: the next state, and what has to be done outside. Pure. */
import type { Snapshot } from '../telemetry/types.js';
import { type Command, commandFor, VIEWS } from './keys.js';
import { logSources, rowIds } from './rows.js';
import type { UiState } from './ui-state.js';

export type Effect =
  | { type: 'explain'; id: string }
  | { type: 'restart'; worker: string }
  | { type: 'suspend' }
  | { type: 'leave'; how: 'quit' | 'interrupt' };

export interface Next {
  ui: UiState;
  effect?: Effect;
}

/** Characters of a filter: longer than any id. */
const FILTER_CHARS = 64;

export function press(
  key: string,
  ui: UiState,
  context: { snapshot: Snapshot | null; isReadonly: boolean },
): Next {
  if (key === 'ctrl+c') return { ui, effect: { type: 'leave', how: 'interrupt' } };
  if (key === 'ctrl+z') return { ui, effect: { type: 'suspend' } };
  if (ui.question !== null) return answer(key, ui, ui.question);
  if (ui.isTyping) return { ui: typed(key, ui) };
  const command = commandFor(key, { view: ui.view, isReadonly: context.isReadonly });
  if (command === null) return { ui };
  return carryOut(command, { ...ui, notice: null }, context.snapshot);
}

/** Only `y` restarts; everything else is a no. */
function answer(key: string, ui: UiState, worker: string): Next {
  const closed = { ...ui, question: null };
  if (key !== 'y' && key !== 'Y') return { ui: { ...closed, notice: `${worker} is left as it is` } };
  return {
    ui: { ...closed, notice: `${worker}: draining, then restarting` },
    effect: { type: 'restart', worker },
  };
}

function typed(key: string, ui: UiState): UiState {
  if (key === 'return') return { ...ui, isTyping: false };
  if (key === 'escape') return { ...ui, isTyping: false, filter: '' };
  if (key === 'backspace') return { ...ui, filter: ui.filter.slice(0, -1) };
  // A paste comes as one text; control keys have names of their own.
  if (NAMED.test(key) || /\p{Cc}/u.test(key)) return ui;
  return { ...ui, filter: (ui.filter + key).slice(0, FILTER_CHARS) };
}

const NAMED = /^(?:up|down|left|right|tab|pageup|pagedown|ctrl\+.*)$/;

function carryOut(command: Command, ui: UiState, snapshot: Snapshot | null): Next {
  switch (command.type) {
    case 'quit':
      return ui.isHelp || ui.detail !== null
        ? { ui: { ...ui, isHelp: false, detail: null } }
        : { ui, effect: { type: 'leave', how: 'quit' } };
    case 'interrupt':
      return { ui, effect: { type: 'leave', how: 'interrupt' } };
    case 'suspend':
      return { ui, effect: { type: 'suspend' } };
    case 'view':
      return { ui: show(ui, command.view) };
    case 'next-view': {
      const index = VIEWS.findIndex(({ view }) => view === ui.view);
      return { ui: show(ui, VIEWS[(index + 1) % VIEWS.length]!.view) };
    }
    case 'pause':
      return { ui: { ...ui, isPaused: !ui.isPaused } };
    case 'help':
      return { ui: { ...ui, isHelp: !ui.isHelp } };
    case 'back':
      return { ui: back(ui) };
    case 'filter':
      return { ui: { ...ui, isTyping: true, detail: null, isHelp: false } };
    case 'sort':
      return { ui: { ...ui, sort: ui.sort + 1 } };
    case 'follow':
      return { ui: { ...ui, logScroll: ui.logScroll === 0 ? 1 : 0 } };
    default:
      return snapshot === null ? { ui } : withRows(command, ui, snapshot);
  }
}

function withRows(
  command: Extract<Command, { type: 'move' | 'open' | 'source' | 'restart' }>,
  ui: UiState,
  snapshot: Snapshot,
): Next {
  if (command.type === 'source') {
    const sources = logSources(snapshot);
    const index = Math.max(0, sources.indexOf(ui.logSource ?? ''));
    const next = sources[(index + command.by + sources.length) % sources.length] ?? null;
    return { ui: { ...ui, logSource: next, logScroll: 0 } };
  }
  if (command.type === 'move') return { ui: moved(ui, command.by, snapshot) };
  const ids = rowIds(ui, snapshot);
  const id = ids[indexIn(ids, ui.selected[ui.view])];
  if (id === undefined) return { ui };
  if (command.type === 'restart') return { ui: { ...ui, question: id } };
  return { ui: { ...ui, detail: { id, text: null, scroll: 0 } }, effect: { type: 'explain', id } };
}

function moved(ui: UiState, by: number, snapshot: Snapshot): UiState {
  if (ui.detail !== null)
    return { ...ui, detail: { ...ui.detail, scroll: Math.max(0, ui.detail.scroll + by) } };
  if (ui.view === 'logs') return { ...ui, logScroll: Math.max(0, ui.logScroll - by) };
  const ids = rowIds(ui, snapshot);
  const at = Math.min(ids.length - 1, Math.max(0, indexIn(ids, ui.selected[ui.view]) + by));
  const id = ids[at];
  return id === undefined ? ui : { ...ui, selected: { ...ui.selected, [ui.view]: id } };
}

/** A row that has gone leaves the choice at the first one. */
export const indexIn = (ids: readonly string[], id: string | undefined): number =>
  Math.max(0, id === undefined ? 0 : ids.indexOf(id));

function show(ui: UiState, view: UiState['view']): UiState {
  const filter = view === ui.view ? ui.filter : '';
  return { ...ui, view, filter, sort: view === ui.view ? ui.sort : 0, isHelp: false, detail: null };
}

/** One step back: from help, from a request, from a filter, at last from pause. */
function back(ui: UiState): UiState {
  if (ui.isHelp) return { ...ui, isHelp: false };
  if (ui.detail !== null) return { ...ui, detail: null };
  if (ui.filter !== '') return { ...ui, filter: '' };
  return { ...ui, isPaused: false };
}
