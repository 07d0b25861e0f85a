/**
 * The real Claude Code, Codex, opencode and pi do a job of three tool calls through `dynamo launch` and the real
 * stack, whose engine answers in GLM's raw text, in other models' raw text, or parsed.
 */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { AGENTS, type Agent, installAgent } from './support/agents.js';
import { type Engine, jobScript, startEngine } from './support/engine.js';
import { homeState } from './support/user-home.js';
import type { Wire } from './support/wire.js';
import { openWorkplace, type Workplace } from './support/workplace.js';

const SENTENCE = 'All done: the answer is 42.';
const TEXT = '// größe <b> & "quotes" \\n\nexport const answer = 41;\nexport const end = true;\n';

/** The net caught a call; the engine tokenizes; Claude Code's `context_management` is its own business. */
const EXPECTED_WARNINGS = new Set(['parser_net', 'tokenizer_fallback', 'field_ignored']);

let engine: Engine;
let place: Workplace;

beforeAll(async () => {
  for (const agent of AGENTS) await installAgent(agent);
});

describe.each<[Wire, readonly Agent[]]>([
  ['glm', AGENTS],
  ['parsed', AGENTS],
  ['minimax-m2', AGENTS.slice(0, 2)],
  ['qwen3-coder', AGENTS.slice(1, 3)],
  ['hermes', AGENTS.slice(3)],
  ['deepseek', AGENTS.slice(2, 3)],
  ['harmony', AGENTS.slice(0, 2)],
])('an engine that answers in %s', (wire, agents) => {
  beforeAll(async () => {
    engine = await startEngine({ contextTokens: 202_752, wire });
    const net = wire === 'parsed' ? [] : ['--set', `parser.tools=${wire}`, '--set', 'parser.reasoning=tags'];
    place = await openWorkplace(engine, ...net);
  });

  afterAll(async () => {
    await place?.close();
    await engine?.close();
  });

  afterEach(() => {
    engine.served.length = 0;
  });

  it.each(agents)('lets $package finish a job', async (agent) => {
    const project = place.project();
    const before = homeState(place.home);
    engine.script = jobScript(steps(agent, project), SENTENCE);
    const ran = await place.launch(agent, [...agent.ask, 'make the answer 42'], project);
    expect(ran).toMatchObject({ code: 0, stdout: expect.stringContaining(SENTENCE) });
    expect(readFileSync(path.join(project, 'answer.js'), 'utf8')).toBe(TEXT.replace('41', '42'));
    expect(readFileSync(path.join(project, 'lines.txt'), 'utf8').trim()).toBe('3');
    expect(readdirSync(project).sort()).toEqual(['answer.js', 'lines.txt']);
    expect(homeState(place.home)).toEqual(before);
    expect(place.proxy.asked).toEqual([]);
    expectBodies(agent);
  });

  it('saw nothing refused, nothing failed and no tool left out', async () => {
    const { requests, warnings, sessions } = await place.snapshot();
    expect(requests).toMatchObject({ rejected: 0, failed: 0, cancelled: 0, active: 0 });
    expect(warnings.filter(({ code }) => !EXPECTED_WARNINGS.has(code))).toEqual([]);
    expect([...new Set(sessions.map(({ harness }) => harness))].sort()).toEqual(
      agents.map(({ harness }) => harness).sort(),
    );
  });
});

function steps(agent: Agent, project: string) {
  const file = path.join(project, 'answer.js');
  return [
    agent.create(file, TEXT),
    agent.run('wc -l < answer.js > lines.txt'),
    agent.edit(file, 'export const answer = 41;', 'export const answer = 42;'),
  ];
}

/** The job's own requests end with its results; reasoning of earlier steps came back as reasoning. */
function expectBodies(agent: Agent): void {
  // Codex has its prefix prefilled first: a request for one token.
  const turns = engine.served.filter(({ body }) => body.tools !== undefined && body.max_tokens !== 1);
  expect(turns.length, agent.name).toBe(4);
  const { messages } = turns.at(-1)?.body ?? { messages: [] };
  expect(messages.filter(({ role }) => role === 'tool')).toHaveLength(3);
  // The template shows it again, and the engine has it in its cache.
  const reasoning = messages.flatMap(({ role, reasoning_content: text }) =>
    role === 'assistant' ? [text] : [],
  );
  expect(reasoning).toEqual([1, 2, 3].map((step) => `Step ${step} of <3>.`));
  expect(JSON.stringify(messages)).not.toMatch(/<think>|<tool_call>|minimax:tool_call/);
  expect(JSON.stringify(messages)).not.toMatch(/sk-other|USER-MEMORY/);
}
