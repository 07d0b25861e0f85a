/** The logs view: the end of one log, or the lines of it that match. */
import type { Snapshot } from '../../telemetry/types.js';
import { clip, type Line, seg } from '../line.js';
import { logSources, matches } from '../rows.js';
import type { UiState } from '../ui-state.js';
import { filterLine } from './filter-line.js';
import type { Room } from './room.js';

const FAULT = /\b(?:error|exception|traceback|fatal|panic)\b/i;

export const shownSource = (snapshot: Snapshot, { logSource }: UiState): string => {
  const sources = logSources(snapshot);
  return logSource !== null && sources.includes(logSource) ? logSource : sources[0]!;
};

/** `log` null: it could not be read. */
export function logsView(
  snapshot: Snapshot,
  ui: UiState,
  log: readonly string[] | null,
  { columns, rows, glyphs }: Room,
): Line[] {
  const source = shownSource(snapshot, ui);
  const names = logSources(snapshot).flatMap((name) => [
    seg(name === source ? `[${name}]` : ` ${name} `, name === source ? 'title' : 'dim'),
  ]);
  if (log === null) return [clip(names, columns), [seg(`there is no log of ${source} yet`, 'dim')]];
  const found = ui.filter === '' ? log : log.filter((line) => matches(line, ui.filter));
  const room = rows - 2;
  const scroll = Math.min(ui.logScroll, Math.max(0, found.length - room));
  const end = found.length - scroll;
  const state = scroll === 0 ? 'following' : `${scroll} lines up`;
  return [
    clip(names, columns),
    filterLine(`${found.length} lines ${glyphs.dot} ${state}`, ui, columns),
    ...found
      .slice(Math.max(0, end - room), end)
      .map((line) => clip([seg(line, FAULT.test(line) ? 'bad' : 'plain')], columns)),
  ];
}
