/** The real Codex over a WebSocket: it warms its prompt, sends each turn's new items only, and finishes a job. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AGENTS, type Agent, installAgent } from './support/agents.js';
import { type Engine, jobScript, startEngine } from './support/engine.js';
import { openWorkplace, type Workplace } from './support/workplace.js';

const SENTENCE = 'All done: the answer is 42.';
const TEXT = 'export const answer = 41;\n';
const WEBSOCKETS = ['-c', 'model_providers.dynamo.supports_websockets=true'];

const codex = AGENTS.find(({ name }) => name === 'codex') as Agent;
let engine: Engine;
let place: Workplace;

beforeAll(async () => {
  await installAgent(codex);
  engine = await startEngine({ contextTokens: 202_752, wire: 'parsed' });
  place = await openWorkplace(engine);
});

afterAll(async () => {
  await place?.close();
  await engine?.close();
});

describe('Codex over a WebSocket', () => {
  it('finishes a job', async () => {
    const project = place.project();
    const file = path.join(project, 'answer.js');
    engine.script = jobScript(
      [
        codex.create(file, TEXT),
        codex.run('wc -l < answer.js > lines.txt'),
        codex.edit(file, 'export const answer = 41;', 'export const answer = 42;'),
      ],
      SENTENCE,
    );
    const ran = await place.launch(codex, [...WEBSOCKETS, ...codex.ask, 'make the answer 42'], project);
    expect(ran).toMatchObject({ code: 0, stdout: expect.stringContaining(SENTENCE) });
    expect(readFileSync(file, 'utf8')).toBe(TEXT.replace('41', '42'));
    expect(readFileSync(path.join(project, 'lines.txt'), 'utf8').trim()).toBe('1');
  });

  it('warmed its instructions and tools first, and every turn went on from the one before', () => {
    const [warm, ...turns] = engine.served.map(({ body }) => body).filter(({ tools }) => tools !== undefined);
    expect(warm).toMatchObject({ max_tokens: 1 });
    expect(turns).toHaveLength(4);
    const systemOf = (body: typeof warm) => String(body?.messages[0]?.content);
    expect(systemOf(turns[0]).startsWith(systemOf(warm).trimEnd())).toBe(true);
    for (const [index, { messages, tools }] of turns.entries()) {
      const before = turns[index - 1]?.messages ?? [];
      expect(messages.slice(0, before.length)).toEqual(before);
      expect(tools).toEqual(warm?.tools);
    }
  });

  it('had nothing refused and nothing failed', async () => {
    const { requests, sessions } = await place.snapshot();
    expect(requests).toMatchObject({ rejected: 0, failed: 0, cancelled: 0, active: 0 });
    expect(new Set(sessions.map(({ harness }) => harness))).toEqual(new Set(['codex']));
  });
});
