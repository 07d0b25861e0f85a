/** Warnings about fields that were accepted and ignored: an agent repeats them in every request. */
import { LIMITS } from '../limits.js';

/** `request` is the id of the request it is about, where it is about one. */
export type Warn = (code: string, message: string, request?: string) => void;

/** Passes on each code and message once; forgets all of them when there are too many to remember. */
export function warnOnce(tell: Warn): Warn {
  const told = new Set<string>();
  return (code, message, request) => {
    const key = `${code}\n${message}`;
    if (told.has(key)) return;
    if (told.size >= LIMITS.warningsRemembered) told.clear();
    told.add(key);
    tell(code, message, request);
  };
}
