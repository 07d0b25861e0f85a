import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { resolvePaths } from '../../src/cli/paths.js';
import { replay } from '../../src/replay/replay.js';
import { replayText } from '../../src/replay/report-text.js';
import { planReplay, type ReplayWish } from '../../src/stack/plan-replay.js';

let dir: string;
let trace: string;
beforeAll(() => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'dyn-plan-replay-'));
  trace = path.join(dir, 'rows.jsonl');
  const rows = Array.from({ length: 40 }, (_, n) => ({
    session_id: `s${n % 4}`,
    ...(n < 4 ? { timestamp: n * 100 } : { delay: 50 }),
    input_length: 640 + 64 * n,
    output_length: 8,
    hash_ids: Array.from({ length: 10 + n }, (_, block) => (n % 4) * 1_000 + block),
  }));
  writeFileSync(trace, rows.map((row) => JSON.stringify(row)).join('\n'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const example = path.resolve(import.meta.dirname, '../../examples/routers/least-cost-session.mjs');
const plan = (wish: Partial<ReplayWish>) =>
  planReplay(
    [trace],
    { router: 'kv', 'block-size': 64, 'trace-block-size': 64, stagger: 5, 'max-pause': 30, seed: 1, ...wish },
    resolvePaths({ DYNAMO_HOME: dir }),
  );

describe('a replay', () => {
  it('compares routers by name and by file, on workers of unlike speed, in one table', async () => {
    const planned = await plan({
      compare: `kv, round-robin,${example}`,
      workers: 2,
      'worker-speed': '1,0.25',
    });
    expect(planned.policies.map(({ name, retention }) => [name, retention])).toEqual([
      ['kv', 'selective'],
      ['round-robin', 'lru'],
      ['least-cost-session.mjs', 'lru'],
    ]);
    const reports = await replay({ ...planned, progress: () => {} });
    expect(reports.map(({ requests }) => requests)).toEqual([40, 40, 40]);
    expect(reports[2]?.config).toMatchObject({ router: 'least-cost-session.mjs', workerSpeed: [1, 0.25] });
    const text = replayText(reports);
    expect(text).toContain('speeds     1, 0.25');
    expect(text).toMatch(/^ {2}least-cost-session\.mjs +lru/m);
  });

  it('takes the knobs of policy dynamo', async () => {
    const hits = async (set: Record<string, string>) => {
      const [report] = await replay({
        ...(await plan({ router: 'dynamo', workers: 4, set })),
        progress: () => {},
      });
      return report?.hitRate as number;
    };
    expect(await hits({ 'router.overlap_score_credit': '0' })).toBeLessThan(await hits({}));
  });

  it.each([
    '1',
    '1,2,3',
    '1,x',
    '1,',
    '1,0',
    '1,-1',
    '1,1e9',
  ])('refuses the worker speeds `%s` for two workers', async (speeds) => {
    await expect(plan({ workers: 2, 'worker-speed': speeds })).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringContaining('--worker-speed'),
      remedy: expect.stringContaining('2 numbers'),
    });
  });

  it('refuses a router that does not exist before it reads the trace', async () => {
    for (const compare of ['kv,fastest', 'kv,./nowhere.mjs']) {
      await expect(
        planReplay(
          [path.join(dir, 'missing.jsonl')],
          { ...wishOf(compare) },
          resolvePaths({ DYNAMO_HOME: dir }),
        ),
      ).rejects.toMatchObject({ code: 'usage' });
    }
  });
});

const wishOf = (compare: string): ReplayWish => ({
  compare,
  router: 'kv',
  'block-size': 64,
  stagger: 5,
  'max-pause': 30,
  seed: 1,
});
