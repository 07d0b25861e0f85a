/** Reading an engine's log for the step of its start it is in. Pure. */
import type { Phase } from './types.js';

export interface Step {
  /** A group, where there is one, is the percentage. */
  pattern: RegExp;
  name: string;
}

/** Of the first pattern that fits; null for a line that tells of no step. */
export function phaseIn(steps: readonly Step[], line: string): Phase | null {
  for (const { pattern, name } of steps) {
    const match = pattern.exec(line);
    if (match === null) continue;
    return { name, progress: match[1] === undefined ? null : Math.min(1, Number(match[1]) / 100) };
  }
  return null;
}
