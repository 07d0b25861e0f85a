/**
 * Two sessions of a real agent in one folder: the second finds the tools and the system prompt of the first in the
 * worker's cache, foretold by the router and reported by the engine.
 */
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AGENTS, type Agent, installAgent } from './support/agents.js';
import { BLOCK_TOKENS, type Engine, MODEL, type Served, startEngine } from './support/engine.js';
import { explain, KEY, openWorkplace, type Workplace } from './support/workplace.js';

let engine: Engine;
let place: Workplace;

beforeAll(async () => {
  engine = await startEngine({ contextTokens: 202_752, wire: 'parsed' });
  engine.script = ({ tools }) => ({ text: tools === undefined ? 'A short title' : 'Hello.' });
  place = await openWorkplace(engine);
});

afterAll(async () => {
  await place?.close();
  await engine?.close();
});

/** What the engine saw of one run, the agent's own turn first. */
async function seenOf(run: () => Promise<{ code: number | undefined }>): Promise<[Served, ...Served[]]> {
  const from = engine.served.length;
  expect(await run()).toMatchObject({ code: 0 });
  const seen = engine.served.slice(from);
  const own = seen.find(isTurn);
  expect(own).toBeDefined();
  return [own as Served, ...seen.filter((one) => one !== own)];
}

/** Not a title, and not Codex's request for one token that has its prefix prefilled. */
const isTurn = ({ body }: Served): boolean => body.tools !== undefined && body.max_tokens !== 1;

async function expectShared(first: Served, second: Served): Promise<void> {
  const [one, two] = [await explain(place, first), await explain(place, second)];
  expect(two.request.session?.id).not.toBe(one.request.session?.id);
  const lead = Math.floor(second.leadTokens / BLOCK_TOKENS) * BLOCK_TOKENS;
  expect(lead).toBeGreaterThan(1_000);
  expect(two.predictedTokens).toBeGreaterThanOrEqual(lead);
  expect(two.predictedTokens).toBe(second.cachedTokens);
  // The first difference is what the user asked.
  expect(firstDifference(first.prompt, second.prompt)).toMatch(/^(one|two)/);
}

function firstDifference(a: string, b: string): string {
  let at = 0;
  while (a[at] === b[at]) at += 1;
  return a.slice(at);
}

describe.each(AGENTS)('$package', (agent) => {
  it('shares tools and system prompt between two sessions, and is known by name, session and role', async () => {
    const project = place.project();
    const run = (question: string) => () => place.launch(agent, [...agent.ask, question], project);
    const [first, ...others] = await seenOf(run('one question'));
    const [second] = await seenOf(run('two questions'));
    await expectShared(first, second);
    expect((await explain(place, second)).request).toMatchObject({
      session: { harness: agent.harness, role: 'main' },
      hints: { priority: 0 },
    });
    for (const other of others.filter(({ body }) => body.tools === undefined)) {
      const { session, hints } = (await explain(place, other)).request;
      expect(session).toMatchObject({ harness: agent.harness, role: 'title' });
      expect(hints.priority).toBeLessThan(0);
    }
  });
});

describe('Claude Code without `launch`', () => {
  it('shares them too: the block it puts before its system prompt is taken out', async () => {
    const program = `${await installAgent(AGENTS[0] as Agent)}/claude`;
    const project = place.project();
    const run = (question: string) => async () => {
      const ran = await execa(program, ['-p', question], {
        cwd: project,
        extendEnv: false,
        reject: false,
        stdin: 'ignore',
        env: {
          PATH: process.env['PATH'] ?? '',
          HOME: `${place.dir}/tmp`,
          TMPDIR: `${place.dir}/tmp`,
          ANTHROPIC_BASE_URL: place.url,
          ANTHROPIC_AUTH_TOKEN: KEY,
          ANTHROPIC_MODEL: MODEL,
          ANTHROPIC_DEFAULT_HAIKU_MODEL: MODEL,
          CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
        },
      });
      return { code: ran.exitCode };
    };
    const [first] = await seenOf(run('one question'));
    const [second] = await seenOf(run('two questions'));
    await expectShared(first, second);
    expect(first.prompt).not.toContain('x-anthropic-billing-header');
  });

  it('saw nothing refused', async () => {
    expect((await place.snapshot()).requests).toMatchObject({ rejected: 0, failed: 0 });
  });
});
