/** What `dynamo doctor` finds out. */

export type CheckStatus = 'ok' | 'warn' | 'fail';

/** One thing looked at. */
export interface Check {
  /** Stable name for scripts, e.g. `gpu`, `disk`. */
  id: string;
  status: CheckStatus;
  /** What was found, one sentence or figure. */
  found: string;
  /** What to do about it, as something to paste where possible; null when nothing is wrong. */
  remedy: string | null;
}

export const ok = (id: string, found: string): Check => ({ id, status: 'ok', found, remedy: null });
export const warn = (id: string, found: string, remedy: string): Check => ({
  id,
  status: 'warn',
  found,
  remedy,
});
export const fail = (id: string, found: string, remedy: string): Check => ({
  id,
  status: 'fail',
  found,
  remedy,
});
