/** The requests view: a live list, and one request explained. */
import type { RequestSnapshot, Snapshot } from '../../telemetry/types.js';
import { clockTime, compactCount, milliseconds, percent } from '../format.js';
import { type Line, seg } from '../line.js';
import { indexIn } from '../reduce.js';
import { orderOf, REQUEST_ORDERS, shownRequests } from '../rows.js';
import { type Column, tableLines, windowOf, wrapText } from '../table.js';
import { STATE_TONES } from '../tones.js';
import type { UiState } from '../ui-state.js';
import { filterLine } from './filter-line.js';
import type { Room } from './room.js';

const figure = (
  title: string,
  width: number,
  rank: number,
  text: (row: RequestSnapshot) => string,
): Column<RequestSnapshot> => ({ title, width, rank, isFigure: true, cell: (row) => seg(text(row)) });

const hit = ({ promptTokens, cachedTokens }: RequestSnapshot) =>
  promptTokens === 0 ? null : Math.min(1, cachedTokens / promptTokens);
const senderOf = ({ harness, session }: RequestSnapshot) =>
  harness === 'unknown' ? (session ?? '-') : `${harness} ${session ?? ''}`.trim();

const COLUMNS: Column<RequestSnapshot>[] = [
  { title: 'time', width: 8, rank: 2, cell: ({ startedAt }) => seg(clockTime(startedAt), 'dim') },
  { title: 'state', width: 9, rank: 0, cell: ({ state }) => seg(state, STATE_TONES[state]) },
  { title: 'worker', width: 6, rank: 0, cell: ({ worker }) => seg(worker ?? '-', 'title') },
  figure('prompt', 6, 0, ({ promptTokens }) => compactCount(promptTokens)),
  figure('cached', 6, 0, ({ cachedTokens }) => compactCount(cachedTokens)),
  figure('hit', 7, 1, (row) => percent(hit(row))),
  figure('output', 6, 3, ({ outputTokens }) => compactCount(outputTokens)),
  figure('TTFT', 8, 1, ({ ttftMs }) => milliseconds(ttftMs)),
  {
    title: 'why',
    width: 17,
    rank: 3,
    cell: ({ why }) =>
      seg(why === null ? '-' : why.replaceAll('_', ' '), why === null || why === 'hit' ? 'dim' : 'plain'),
  },
  { title: 'dialect', width: 11, rank: 6, cell: ({ dialect }) => seg(dialect, 'dim') },
  { title: 'role', width: 8, rank: 5, cell: ({ role }) => seg(role) },
  { title: 'session', width: 12, rank: 4, grows: true, cell: (row) => seg(senderOf(row), 'dim') },
];

export function requestsView(snapshot: Snapshot, ui: UiState, { columns, rows }: Room): Line[] {
  if (ui.detail !== null) return explainLines(ui.detail, { columns, rows });
  const list = shownRequests(snapshot, ui);
  const shown = windowOf(
    list,
    indexIn(
      list.map(({ id }) => id),
      ui.selected.requests,
    ),
    rows - 2,
  );
  const about = `${list.length} of the newest ${snapshot.recent.length}, by ${orderOf(REQUEST_ORDERS, ui.sort).name}`;
  return [
    filterLine(about, ui, columns),
    ...(list.length === 0
      ? [[seg(snapshot.recent.length === 0 ? 'no request yet' : 'none matches the filter', 'dim')]]
      : tableLines(shown.rows, COLUMNS, columns, shown.chosen)),
  ];
}

function explainLines(
  { id, text, scroll }: NonNullable<UiState['detail']>,
  { columns, rows }: { columns: number; rows: number },
): Line[] {
  if (text === null) return [[seg(`asking why of ${id}`, 'dim')]];
  const lines = text
    .split('\n')
    .flatMap((line) => wrapText(line, columns, 11))
    .map((line): Line => [seg(line)]);
  const from = Math.max(0, Math.min(scroll, lines.length - rows));
  return lines.slice(from, from + rows);
}
