/** Routers of the user's own through the real replay: what they gain on agentic traffic over workers of unlike speed. */
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { mockTiming } from '../../src/engines/simulator/timing.js';
import { figuresOf, type ReplayFigures } from '../../src/replay/metrics.js';
import { seededRandom } from '../../src/replay/random.js';
import { runReplay } from '../../src/replay/run.js';
import type { Turn, Workload } from '../../src/replay/types.js';
import { policyMaker } from '../../src/router/policies/load-policy.js';
import { nodes, workloadOf } from './workloads.js';

const example = (name: string): string =>
  path.resolve(import.meta.dirname, '../../examples/routers', `${name}.mjs`);

/** Speeds as factors; slowness is their inverse. */
const UNLIKE = [1, 1, 0.25, 0.1];

/** Agents: a shared system prompt of 8k tokens, then turns that add
 * tool results until the context has some 130k, with pauses while the tools run: the shape of real Claude Code sessions. */
function agents(sessions: number, turns: number): Workload {
  const random = seededRandom(11);
  const shared = nodes(0, 128);
  const all: Partial<Turn>[] = [];
  for (let session = 0; session < sessions; session++) {
    let own = 8;
    for (let turn = 0; turn < turns; turn++) {
      const blocks = Int32Array.from([...shared, ...nodes(10_000 + session * 10_000, own)]);
      all.push({
        session,
        atMs: session * 2_000,
        after: turn === 0 ? [] : [all.length - 1],
        delayMs: turn === 0 ? 0 : 500 + 4_000 * random(),
        blocks,
        promptTokens: blocks.length * 64 + Math.floor(64 * random()),
        outputTokens: 40 + Math.floor(200 * random()),
      });
      own += 8 + Math.floor(78 * random());
    }
  }
  return workloadOf(
    all,
    Array.from({ length: sessions }, (_, n) => `s${n}`),
  );
}

const workload = agents(12, 44);

async function figures(router: string): Promise<ReplayFigures> {
  const run = await runReplay(workload, {
    workers: UNLIKE.length,
    blocks: 32_768,
    policy: (await policyMaker(router))(),
    retention: 'lru',
    seed: 1,
    timing: mockTiming(),
    slowness: UNLIKE.map((speed) => 1 / speed),
  });
  return figuresOf(workload, run);
}

const busiest = ({ workers }: ReplayFigures): string =>
  workers.reduce((most, worker) => (worker.requests > most.requests ? worker : most)).id;

describe('on workers of unlike speed', () => {
  it('the learning router’s median time to first token is a quarter of round-robin’s, or less', async () => {
    const [learning, turns] = [await figures(example('thompson')), await figures('round-robin')];
    expect(turns.ttftMs.p50 / learning.ttftMs.p50).toBeGreaterThanOrEqual(4);
    expect(learning.requests).toBe(turns.requests);
    expect(['w0', 'w1']).toContain(busiest(learning));
    // The slow ones were tried, else it could not know.
    expect(learning.workers.every(({ requests }) => requests > 0)).toBe(true);
  });

  it('sessions of the least-cost router leave slow workers once and stay; they hit what round-robin misses', async () => {
    const [staying, turns] = [await figures(example('least-cost-session')), await figures('round-robin')];
    expect(staying.moves).toBeLessThan(turns.moves / 10);
    expect(staying.hitRate).toBeGreaterThan(turns.hitRate);
    expect(staying.ttftMs.p50).toBeLessThan(turns.ttftMs.p50 / 3);
  });

  it('kv finds the fast ones too: every worker gets a first session to be measured by', async () => {
    const [kv, turns] = [await figures('kv'), await figures('round-robin')];
    expect(turns.ttftMs.p50 / kv.ttftMs.p50).toBeGreaterThanOrEqual(4);
    expect(['w0', 'w1']).toContain(busiest(kv));
  });

  it('gives the same numbers for the same seed: nothing was learnt in the run before', async () => {
    expect(await figures(example('thompson'))).toEqual(await figures(example('thompson')));
  });
});
