/** Token counts by kind of region. */
import type { TokensByKind } from './types.js';

export function noTokensByKind(): TokensByKind {
  const none = () => ({ tokens: 0, cached: 0 });
  return {
    system: none(),
    tools: none(),
    conversation: none(),
    tool_result: none(),
    reasoning: none(),
    output: none(),
  };
}

/** Adds `more` to `sum` in place. */
export function addTokensByKind(sum: TokensByKind, more: TokensByKind): void {
  for (const [kind, counts] of Object.entries(sum) as [
    keyof TokensByKind,
    { tokens: number; cached: number },
  ][]) {
    counts.tokens += more[kind].tokens;
    counts.cached += more[kind].cached;
  }
}
