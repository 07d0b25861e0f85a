/** Snapshot × what the user chose × terminal size → the lines of the screen. Pure; at most `rows - 1` lines, so ink never clears the scrollback. */
import type { Snapshot } from '../telemetry/types.js';
import { percent } from './format.js';
import { clip, type Glyphs, type Line, seg } from './line.js';
import { marksOf } from './marks.js';
import type { Mode, UiState } from './ui-state.js';
import { cacheView } from './views/cache.js';
import { flatLines } from './views/flat.js';
import { footerLine, helpLines, tabLine } from './views/frame.js';
import { latencyView } from './views/latency.js';
import { logsView } from './views/logs.js';
import { overviewView } from './views/overview.js';
import { headerLines } from './views/panels.js';
import { requestsView } from './views/requests.js';
import type { Room } from './views/room.js';
import { sessionsView } from './views/sessions.js';
import { workersView } from './views/workers.js';

export interface Screen {
  columns: number;
  rows: number;
  mode: Mode;
  isReadonly: boolean;
  glyphs: Glyphs;
  ui: UiState;
  /** Sentences instead of tables and graphs. */
  isFlat: boolean;
  /** Lines of the log that is shown; null when there is none. */
  log: readonly string[] | null;
}

/** Below this one line has to do. */
export const MINIMUM = { columns: 60, rows: 20 };

export function screenLines(snapshot: Snapshot, screen: Screen): Line[] {
  const { columns, rows, glyphs, ui } = screen;
  if (screen.isFlat) return flatLines(snapshot, screen);
  if (columns < MINIMUM.columns || rows < MINIMUM.rows) return [summaryLine(snapshot, columns)];
  const head = [...headerLines(snapshot, columns, glyphs), tabLine(ui, columns)];
  const room: Room = { columns, rows: rows - head.length - 2, glyphs };
  const body = ui.isHelp ? helpLines(ui, screen) : viewLines(snapshot, screen, room);
  return [...head, ...body.slice(0, room.rows).map((line) => clip(line, columns)), footerLine(ui, screen)];
}

function viewLines(snapshot: Snapshot, { ui, log }: Screen, room: Room): Line[] {
  switch (ui.view) {
    case 'overview':
      return overviewView(snapshot, room);
    case 'workers':
      return workersView(snapshot, ui, room);
    case 'cache':
      return cacheView(snapshot, room);
    case 'requests':
      return requestsView(snapshot, ui, room);
    case 'sessions':
      return sessionsView(snapshot, ui, room);
    case 'latency':
      return latencyView(snapshot, ui, room);
    case 'logs':
      return logsView(snapshot, ui, log, room);
  }
}

function summaryLine(snapshot: Snapshot, columns: number): Line {
  const ready = snapshot.workers.filter(({ state }) => state === 'ready').length;
  const marks = marksOf(snapshot).map((mark) => `${mark} `);
  const state = snapshot.stack.state === 'degraded' ? '' : `${snapshot.stack.state} `;
  const text = `dynamo ${state}${marks.join('')}${ready}/${snapshot.workers.length} hit ${percent(snapshot.hitRate.total)} active ${snapshot.requests.active}`;
  return clip([seg(text)], Math.max(1, columns));
}
