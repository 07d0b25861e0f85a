/**
 * What real agents do beyond one straight job: sub-agents, sessions taken up again, compaction in a small window. The
 * gateway knows whose each request is and refuses none of them.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { AGENTS, type Agent } from './support/agents.js';
import { type Engine, type EngineRequest, jobScript, startEngine } from './support/engine.js';
import type { Call, Turn } from './support/wire.js';
import { tap } from './support/wiretap.js';
import { type Explained, explain, openWorkplace, type Workplace } from './support/workplace.js';

/** Codex has its prefix prefilled by a request for one token, whose answer nobody sees. */
const PREWARM_TOKENS = 1;

let engine: Engine;
let place: Workplace;

async function open(contextTokens: number): Promise<void> {
  engine = await startEngine({ contextTokens, wire: 'parsed' });
  place = await openWorkplace(engine);
}

afterEach(async () => {
  await place?.close();
  await engine?.close();
});

const explained = (): Promise<Explained[]> =>
  Promise.all(engine.served.map((served) => explain(place, served)));

async function expectNoneRefused(): Promise<void> {
  expect((await place.snapshot()).requests).toMatchObject({ rejected: 0, failed: 0, cancelled: 0 });
}

const textOf = (content: unknown): string =>
  typeof content === 'string' ? content : JSON.stringify(content);
const lastOf = ({ messages }: EngineRequest) => messages.at(-1) ?? { role: '' };

describe('sub-agents', () => {
  const TASK = 'SUBTASK: write sub.txt';
  const delegation: Partial<Record<Agent['name'], Call>> = {
    claude: {
      name: 'Agent',
      args: {
        description: 'write a file',
        prompt: TASK,
        subagent_type: 'general-purpose',
        run_in_background: false,
      },
    },
    codex: { name: 'multi_agent_v1__spawn_agent', args: { message: TASK } },
    opencode: {
      name: 'task',
      args: { description: 'write a file', prompt: TASK, subagent_type: 'general' },
    },
  };

  /** The main thread delegates, waits where it must and ends; the sub-agent runs one command. */
  function script(agent: Agent, call: Call): Engine['script'] {
    return (body): Turn => {
      if (body.tools === undefined) return { text: 'A short title' };
      const isSub = body.messages.some(
        ({ role, content }) => role === 'user' && textOf(content).includes(TASK),
      );
      const done = body.messages.filter(({ role }) => role === 'tool').length;
      if (isSub) return done > 0 ? { text: 'Sub done.' } : { calls: [agent.run('echo sub > sub.txt')] };
      if (done === 0) return { text: 'I delegate.', calls: [call] };
      const started = /"agent_id":\s*"([^"]+)"/.exec(textOf(lastOf(body).content))?.[1];
      return started === undefined
        ? { text: 'All done.' }
        : {
            calls: [{ name: 'multi_agent_v1__wait_agent', args: { targets: [started], timeout_ms: 60_000 } }],
          };
    };
  }

  it.each(AGENTS.filter(({ name }) => name in delegation))('of $package have a parent', async (agent) => {
    await open(202_752);
    engine.script = script(agent, delegation[agent.name] as Call);
    const project = place.project();
    const ran = await place.launch(agent, [...agent.ask, 'delegate'], project);
    expect(ran).toMatchObject({ code: 0, stdout: expect.stringContaining('All done.') });
    expect(readFileSync(path.join(project, 'sub.txt'), 'utf8')).toBe('sub\n');
    const sessions = (await explained()).map(({ request }) => request);
    const main = sessions.find(({ session }) => session?.role === 'main')?.session;
    const subs = sessions.filter(({ session }) => session?.role === 'subagent');
    expect(subs.length).toBeGreaterThanOrEqual(2);
    for (const { session, hints } of subs) {
      expect(session).toMatchObject({ harness: agent.harness, parentId: main?.id });
      expect(hints.priority).toBe(-1);
    }
    expect(new Set(subs.map(({ session }) => session?.id)).size).toBe(1);
    await expectNoneRefused();
  });
});

describe('Codex', () => {
  it('does a whole job over one WebSocket, its prefix prefilled before the first turn', async () => {
    const agent = AGENTS.find(({ name }) => name === 'codex') as Agent;
    await open(202_752);
    const project = place.project();
    const file = path.join(project, 'a.txt');
    engine.script = jobScript([agent.create(file, 'one\n'), agent.edit(file, 'one', 'two')], 'All done.');
    const wire = await tap(place.url);
    const address = ['-c', `model_providers.dynamo.base_url="${wire.url}/v1"`];
    const ran = await place.launch(agent, [...address, ...agent.ask, 'go'], project).finally(wire.close);
    expect(ran).toMatchObject({ code: 0, stdout: expect.stringContaining('All done.') });
    expect(readFileSync(file, 'utf8')).toBe('two\n');
    expect(wire.heads).toEqual([expect.stringMatching(/^get \/v1\/responses [\s\S]*upgrade: websocket/)]);
    const [prewarm, ...turns] = engine.served;
    expect(prewarm?.body.max_tokens).toBe(PREWARM_TOKENS);
    expect(turns.map(({ body }) => body.messages.filter(({ role }) => role === 'tool').length)).toEqual([
      0, 1, 2,
    ]);
    expect(turns[0]?.cachedTokens).toBeGreaterThan((prewarm?.promptTokens ?? Infinity) - 64);
    await expectNoneRefused();
  });
});

describe('a session taken up again', () => {
  const RESUME: Record<Agent['name'], (id: string, prompt: string) => string[]> = {
    claude: (id, prompt) => ['--resume', id, '-p', prompt],
    codex: (id, prompt) => [
      'exec',
      'resume',
      '--json',
      '--skip-git-repo-check',
      '--dangerously-bypass-approvals-and-sandbox',
      id,
      prompt,
    ],
    opencode: (id, prompt) => ['run', '--session', id, prompt],
    pi: (_id, prompt) => ['--continue', '-p', prompt],
  };

  it.each(AGENTS)('by $package is the same session and reads its own past', async (agent) => {
    await open(202_752);
    engine.script = ({ tools }) => ({ text: tools === undefined ? 'A short title' : 'Hello.' });
    const project = place.project();
    expect(await place.launch(agent, [...agent.ask, 'one'], project)).toMatchObject({ code: 0 });
    const turns = () =>
      engine.served.filter(({ body }) => body.tools !== undefined && body.max_tokens !== PREWARM_TOKENS);
    const main = () => Promise.all(turns().map((served) => explain(place, served)));
    const id = (await main())[0]?.request.session?.id ?? '';
    expect(await place.launch(agent, RESUME[agent.name](id, 'two'), project)).toMatchObject({ code: 0 });
    const known = await main();
    expect(known.map(({ request }) => request.session?.id)).toEqual([id, id]);
    const [first, second] = turns();
    expect(second?.body.messages.filter(({ role }) => role === 'assistant')).toHaveLength(1);
    // All of the first prompt but what its template closes it with.
    expect(known[1]?.predictedTokens).toBeGreaterThan((first?.promptTokens ?? Infinity) - 64);
    await expectNoneRefused();
  });
});

describe('compaction', () => {
  /** Every step reads 28,000 bytes, 7,000 tokens; the window holds the usual prompt and some of them. */
  const WINDOWS: Record<Agent['name'], { contextTokens: number; steps: number }> = {
    claude: { contextTokens: 60_000, steps: 4 },
    codex: { contextTokens: 30_000, steps: 4 },
    opencode: { contextTokens: 30_000, steps: 5 },
    pi: { contextTokens: 30_000, steps: 3 },
  };
  const SUMMARY = /CHECKPOINT COMPACTION|create a detailed summary|<conversation>/;

  /** Runs a job of that many readings in that window, to its end. */
  async function readAll(
    agent: Agent,
    { contextTokens, steps }: { contextTokens: number; steps: number },
  ): Promise<void> {
    await open(contextTokens);
    const project = place.project();
    writeFileSync(path.join(project, 'big.txt'), 'lorem ipsum dolor sit amet 0123456789\n'.repeat(800));
    let step = 0;
    engine.script = (body) => {
      if (SUMMARY.test(textOf(lastOf(body).content))) return { text: '<summary>So far: reading.</summary>' };
      if (body.tools === undefined) return { text: 'A short title' };
      if (body.max_tokens !== PREWARM_TOKENS) step += 1;
      if (step > steps) return { text: 'All done.' };
      return { text: 'I read.', calls: [agent.run(`head -c 28000 big.txt; echo ${step}`)] };
    };
    const ran = await place.launch(agent, [...agent.ask, 'read it all'], project);
    expect(ran).toMatchObject({ code: 0, stdout: expect.stringContaining('All done.') });
    const roles = (await explained()).map(({ request }) => request.session?.role);
    expect(roles).toContain('compact');
    for (const { promptTokens } of engine.served) expect(promptTokens).toBeLessThan(contextTokens);
  }

  it.each(AGENTS)('by $package comes in time, is known as such and lets the job go on', async (agent) => {
    await readAll(agent, WINDOWS[agent.name]);
    await expectNoneRefused();
  });

  it('by Claude Code comes after a refusal in its words, where its own reserve is too large for the window', async () => {
    await readAll(AGENTS[0] as Agent, { contextTokens: 48_000, steps: 6 });
    const { requests } = await place.snapshot();
    expect(requests).toMatchObject({ rejected: 1, failed: 0, cancelled: 0 });
  });
});
