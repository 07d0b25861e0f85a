/** The sessions view: conversations with their hit rate turn by turn, what they started below them. */
import type { SessionSnapshot, Snapshot } from '../../telemetry/types.js';
import { age, percent } from '../format.js';
import { type Glyphs, type Line, seg, sparkline } from '../line.js';
import { indexIn } from '../reduce.js';
import { orderOf, SESSION_ORDERS, type SessionRow, sessionKey, shownSessions } from '../rows.js';
import { type Column, tableLines, windowOf, wrapText } from '../table.js';
import type { UiState } from '../ui-state.js';
import { filterLine } from './filter-line.js';
import type { Room } from './room.js';

const TURNS = 24;

const columnsOf = (at: number, glyphs: Glyphs): Column<SessionRow>[] => [
  {
    title: 'session',
    width: 16,
    rank: 0,
    grows: true,
    cell: ({ session: { id }, depth }) =>
      seg(
        `${depth === 0 ? '' : ' '.repeat(2 * depth - 2) + glyphs.branch}${id}`,
        depth === 0 ? 'title' : 'plain',
      ),
  },
  { title: 'role', width: 8, rank: 1, cell: ({ session }) => seg(session.role) },
  { title: 'harness', width: 11, rank: 4, cell: ({ session }) => seg(session.harness, 'dim') },
  {
    title: 'requests',
    width: 8,
    rank: 1,
    isFigure: true,
    cell: ({ session }) => seg(String(session.requests)),
  },
  { title: 'hit', width: 7, rank: 0, isFigure: true, cell: ({ session }) => seg(percent(session.hitRate)) },
  {
    title: 'hit rate by turn',
    width: TURNS,
    rank: 2,
    cell: ({ session }) => seg(sparkline(session.turns, TURNS, glyphs, 1), 'good'),
  },
  { title: 'worker', width: 6, rank: 3, cell: ({ session }) => seg(session.worker, 'title') },
  {
    title: 'last',
    width: 6,
    rank: 3,
    isFigure: true,
    cell: ({ session }) => seg(age(at - session.lastSeenAt), 'dim'),
  },
  { title: 'last differed in', width: 24, rank: 5, cell: ({ session }) => seg(differs(session), 'warn') },
];

function differs({ divergence }: SessionSnapshot): string {
  if (divergence === null) return '';
  const { turn, message, kind } = divergence;
  return `turn ${turn}: ${message < 0 ? kind : `message ${message}, ${kind}`}`;
}

export function sessionsView(snapshot: Snapshot, ui: UiState, { columns, rows, glyphs }: Room): Line[] {
  const list = shownSessions(snapshot, ui);
  const keys = list.map(({ session }) => sessionKey(session));
  const shown = windowOf(list, indexIn(keys, ui.selected.sessions), rows - 5);
  const chosen = shown.rows[shown.chosen]?.session;
  const about = `${list.length} sessions, by ${orderOf(SESSION_ORDERS, ui.sort).name}`;
  return [
    filterLine(about, ui, columns),
    ...(list.length === 0
      ? [[seg(snapshot.sessions.length === 0 ? 'no session yet' : 'none matches the filter', 'dim')]]
      : tableLines(shown.rows, columnsOf(snapshot.at, glyphs), columns, shown.chosen)),
    ...(chosen === undefined
      ? []
      : [[], ...wrapText(detail(chosen), columns, 2).map((text) => [seg(text, 'dim')])]),
  ];
}

function detail(session: SessionSnapshot): string {
  const { divergence } = session;
  const parent = session.parent === null ? '' : `, started by ${session.parent}`;
  const turns = session.turns
    .slice(-8)
    .map((turn) => percent(turn))
    .join(' ');
  const where =
    divergence === null
      ? 'its prompt has only grown'
      : `at turn ${divergence.turn} its prompt first differed at token ${divergence.token}${divergence.message < 0 ? '' : `, in message ${divergence.message}`} (${divergence.kind})`;
  return `${session.id}${parent}: last turns ${turns}; ${where}`;
}
