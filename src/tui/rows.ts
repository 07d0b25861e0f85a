/** Which rows a view lists, in which order: the same for drawing and for moving the choice. */
import type { RequestSnapshot, SessionSnapshot, Snapshot } from '../telemetry/types.js';
import type { UiState } from './ui-state.js';

export interface Order<Row> {
  name: string;
  /** Larger comes first. */
  by(row: Row): number;
}

export const REQUEST_ORDERS: readonly Order<RequestSnapshot>[] = [
  { name: 'newest', by: ({ startedAt }) => startedAt },
  { name: 'computed tokens', by: ({ promptTokens, cachedTokens }) => promptTokens - cachedTokens },
  { name: 'TTFT', by: ({ ttftMs }) => ttftMs ?? -1 },
  { name: 'output', by: ({ outputTokens }) => outputTokens },
];

export const SESSION_ORDERS: readonly Order<SessionSnapshot>[] = [
  { name: 'newest', by: ({ lastSeenAt }) => lastSeenAt },
  { name: 'lowest hit rate', by: ({ hitRate }) => -(hitRate ?? 2) },
  { name: 'requests', by: ({ requests }) => requests },
];

export const orderOf = <Row>(orders: readonly Order<Row>[], sort: number): Order<Row> =>
  orders[sort % orders.length]!;

export function shownRequests(snapshot: Snapshot, { filter, sort }: UiState): RequestSnapshot[] {
  const { by } = orderOf(REQUEST_ORDERS, sort);
  return snapshot.recent.filter((row) => matches(requestWords(row), filter)).sort((a, b) => by(b) - by(a));
}

const requestWords = ({ id, dialect, state, session, harness, role, worker, why }: RequestSnapshot) =>
  [id, dialect, state, session, harness, role, worker, why?.replaceAll('_', ' ')].join(' ');

export interface SessionRow {
  session: SessionSnapshot;
  /** 0 for a session, 1 and more for what it started. */
  depth: number;
}

/** Levels of a tree that are told apart. */
const DEPTH_MAX = 4;

/** Sessions as a tree: sub-agents, titles and the like below the one that started them. */
export function shownSessions(snapshot: Snapshot, { filter, sort }: UiState): SessionRow[] {
  const { by } = orderOf(SESSION_ORDERS, sort);
  const all = snapshot.sessions
    .filter(({ id, harness, role, worker }) => matches([id, harness, role, worker].join(' '), filter))
    .sort((a, b) => by(b) - by(a));
  const keyed = new Map(all.map((session) => [sessionKey(session), session]));
  const parentOf = (session: SessionSnapshot): SessionSnapshot | undefined => {
    const parent =
      (session.parent === null ? undefined : keyed.get(`${session.parent} main`)) ??
      (session.role === 'main' ? undefined : keyed.get(`${session.id} main`));
    return parent === session ? undefined : parent;
  };
  const children = group(all, parentOf);
  const depths = new Map<SessionSnapshot, number>();
  const place = (session: SessionSnapshot, depth: number): void => {
    if (depths.has(session)) return;
    depths.set(session, Math.min(depth, DEPTH_MAX));
    for (const child of children.get(session) ?? []) place(child, depth + 1);
  };
  for (const session of all) if (parentOf(session) === undefined) place(session, 0);
  // Clients name the parents: some that name each other in a circle are shown all the same.
  for (const session of all) place(session, 0);
  return [...depths].map(([session, depth]) => ({ session, depth }));
}

function group(
  all: readonly SessionSnapshot[],
  parentOf: (session: SessionSnapshot) => SessionSnapshot | undefined,
): Map<SessionSnapshot, SessionSnapshot[]> {
  const groups = new Map<SessionSnapshot, SessionSnapshot[]>();
  for (const session of all) {
    const parent = parentOf(session);
    if (parent !== undefined) groups.set(parent, [...(groups.get(parent) ?? []), session]);
  }
  return groups;
}

export const sessionKey = ({ id, role }: SessionSnapshot): string => `${id} ${role}`;

export const logSources = ({ workers }: Snapshot): string[] => [...workers.map(({ id }) => id), 'stack'];

/** Ids of the rows that can be chosen in the shown view. */
export function rowIds(ui: UiState, snapshot: Snapshot): string[] {
  if (ui.view === 'workers') return snapshot.workers.map(({ id }) => id);
  if (ui.view === 'requests') return shownRequests(snapshot, ui).map(({ id }) => id);
  if (ui.view === 'sessions') return shownSessions(snapshot, ui).map(({ session }) => sessionKey(session));
  return [];
}

/** Every word of the filter occurs, whatever the case. */
export function matches(text: string, filter: string): boolean {
  const folded = text.toLowerCase();
  return filter
    .toLowerCase()
    .split(/\s+/)
    .every((word) => folded.includes(word));
}
