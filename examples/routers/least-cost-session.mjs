// The worker that is cheapest for the rest of the session, not for this request.
//
// The default router's cost counts what a cache is worth now. A session comes back, though, and each of its next turns is
// computed where it lives: on a slow worker it pays for ever, while a move is paid once. So this one adds what the next
// turns will cost on each worker, and moves a session only when that saves enough to be worth the unrest.
//
//   dynamo up --router ./examples/routers/least-cost-session.mjs

/** Turns looked ahead, and prompt tokens each of them usually adds. */
const TURNS_AHEAD = 8;
const TURN_TOKENS = 2_000;
/** A session stays when its own worker is at most this factor and this much dearer than the cheapest. */
const PATIENCE = 1.1;
const MIN_SAVED_MS = 20;

/** @type {import('../../src/router/policies/module-types.ts').RouterModule} */
export default {
  name: 'least-cost-session',

  select({ sessionId }, candidates) {
    // A request without a session may be a single one: it has no next turns.
    const turns = sessionId === undefined ? 0 : TURNS_AHEAD;
    const costs = candidates.map(({ cost, prefillMsPerToken, isMeasured }) => {
      // A worker nobody has measured may be the fastest: hoping so gets it measured.
      const turnMs = isMeasured ? TURN_TOKENS * prefillMsPerToken : 0;
      return (cost['total'] ?? 0) + turns * turnMs;
    });
    const cheapest = Math.min(...costs);
    const home = candidates.findIndex(({ isLastWorker }) => isLastWorker);
    const stays = home !== -1 && (costs[home] ?? 0) <= Math.max(cheapest * PATIENCE, cheapest + MIN_SAVED_MS);
    // The highest score wins, so a cost is a score with its sign turned; equals are shared among workers.
    return costs.map((cost, at) => (stays && at === home ? Number.MAX_VALUE : -cost));
  },
};
