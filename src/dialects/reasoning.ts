/** How much a client wants the model to think, in the words engines know. */
import type { CommonRequest } from '../request/types.js';

/** Efforts of agents beyond the three every engine takes. */
const ENGINE_EFFORT = new Map([
  ['minimal', 'low'],
  ['low', 'low'],
  ['medium', 'medium'],
  ['high', 'high'],
  ['xhigh', 'high'],
  ['max', 'high'],
]);

/** Any effort is accepted: `none` turns reasoning off, one we do not know is left to the model's default. */
export function reasoningOf(asked: {
  enabled?: boolean | undefined;
  effort?: string | undefined;
  budgetTokens?: number | undefined;
}): CommonRequest['reasoning'] {
  const { budgetTokens } = asked;
  const enabled = asked.effort === 'none' ? false : asked.enabled;
  const effort = asked.effort === undefined ? undefined : ENGINE_EFFORT.get(asked.effort.toLowerCase());
  return {
    ...(enabled === undefined ? {} : { enabled }),
    ...(effort === undefined ? {} : { effort }),
    ...(budgetTokens === undefined ? {} : { budgetTokens }),
  };
}
