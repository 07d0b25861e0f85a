/** Workers of an earlier stack of this name that was killed with -9. */
import { reapLeftovers } from '../supervisor/leftovers.js';
import { readState, setStateAside } from './state-file.js';

/** Kills them, with proof that they are ours; says so through `tell`. */
export function reapLeftoverWorkers(stateDir: string, tell: (text: string) => void): void {
  const aside = setStateAside(stateDir);
  if (aside !== null) tell(aside);
  const state = readState(stateDir);
  if (state === null) return;
  const killed = reapLeftovers(state.workers);
  if (killed.length > 0)
    tell(`killed ${killed.length} process(es) an earlier stack left behind: ${killed.join(', ')}`);
}
