/** What the user has chosen to see. Everything else on the screen comes from the snapshot. */

export type View = 'overview' | 'workers' | 'cache' | 'requests' | 'sessions' | 'latency' | 'logs';
/** In `up` Ctrl-C means stop the stack; in `top` it only leaves. */
export type Mode = 'up' | 'top';

export interface UiState {
  view: View;
  isPaused: boolean;
  isHelp: boolean;
  /** Id of the chosen row per view; null: the first one. */
  selected: Partial<Record<View, string>>;
  filter: string;
  /** Keys go into the filter. */
  isTyping: boolean;
  /** How many times the order was changed; each view has its own orders. */
  sort: number;
  /** A request being explained; `text` is null until the stack has answered. */
  detail: { id: string; text: string | null; scroll: number } | null;
  /** Worker about to be restarted: the question is on the screen. */
  question: string | null;
  /** One sentence about what was done last. */
  notice: string | null;
  /** Worker whose log is shown, or `stack`; null: the first worker. */
  logSource: string | null;
  /** Lines up from the end; 0 follows it. */
  logScroll: number;
}

export const FIRST_STATE: UiState = {
  view: 'overview',
  isPaused: false,
  isHelp: false,
  selected: {},
  filter: '',
  isTyping: false,
  sort: 0,
  detail: null,
  question: null,
  notice: null,
  logSource: null,
  logScroll: 0,
};
