/**
 * The real Claude Code, Codex, opencode and pi through `dynamo launch`, against a scripted stack: each accepts its
 * configuration, runs one tool call, and leaves the home of the user as it was.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fakeStack } from '../commands/launch/fake-stack.js';
import { AGENTS, installAgent } from './support/agents.js';
import { SENTENCE, type SeenRequest, scriptedAnswers } from './support/scripted-answers.js';

const root = path.resolve(import.meta.dirname, '../..');
const KEY = 'sk-stack-0123456789';

let scratch: string;

beforeAll(() => {
  scratch = mkdtempSync(path.join(os.tmpdir(), 'dyl-'));
});

afterAll(() => rmSync(scratch, { recursive: true, force: true, maxRetries: 5 }));

describe.each(AGENTS)('$package', (agent) => {
  const { name, ask } = agent;
  const dir = () => path.join(scratch, name);
  let bin: string;

  beforeAll(async () => {
    bin = await installAgent(agent);
    mkdirSync(dir());
    for (const folder of ['home', 'tmp']) mkdirSync(path.join(dir(), folder));
  });

  afterAll(() => rmSync(dir(), { recursive: true, force: true, maxRetries: 5 }));

  it.each([
    ['a small window', 'smollm2', 8_192],
    ['a large window', 'glm5', 202_752],
  ] as const)('finishes a job with a tool call in %s', async (_what, recipe, contextTokens) => {
    const seen: SeenRequest[] = [];
    const project = mkdtempSync(path.join(dir(), 'project-'));
    const socket = path.join(dir(), 'run', 'run', 'default', 'admin.sock');
    const stack = await fakeStack(socket, {
      recipe,
      contextTokens,
      apiKey: KEY,
      serve: scriptedAnswers(seen),
    });
    const ran = await launch([...ask, 'go'], project).finally(() => stack.close());
    expect({ code: ran.exitCode, text: ran.stdout }).toEqual({
      code: 0,
      text: expect.stringContaining(SENTENCE),
    });
    expect(readFileSync(path.join(project, 'made.txt'), 'utf8')).toBe('made-by-the-agent\n');
    expectRequests(seen, contextTokens);
    expect(readdirSync(path.join(dir(), 'home'))).toEqual([]);
  });

  function launch(args: string[], cwd: string) {
    return execa(process.execPath, [path.join(root, 'bin', 'run.js'), 'launch', name, '--', ...args], {
      cwd,
      reject: false,
      extendEnv: false,
      timeout: 120_000,
      stdin: 'ignore',
      env: {
        HOME: path.join(dir(), 'home'),
        // The agents leave folders of their own there.
        TMPDIR: path.join(dir(), 'tmp'),
        DYNAMO_HOME: path.join(dir(), 'run'),
        DYNAMO_API_KEY: KEY,
        // Must stay here: the stack is none of OpenAI's or Anthropic's.
        OPENAI_API_KEY: 'sk-other',
        ANTHROPIC_API_KEY: 'sk-other',
        PATH: `${bin}${path.delimiter}${process.env['PATH']}`,
      },
    });
  }
});

function expectRequests(seen: SeenRequest[], contextTokens: number): void {
  expect(seen.length).toBeGreaterThanOrEqual(2);
  for (const { authorization, bytes, body } of seen) {
    expect(authorization).toBe(`Bearer ${KEY}`);
    expect(body.model).toBe('smollm2');
    const text = JSON.stringify(body);
    expect(text).not.toContain('x-anthropic-billing-header');
    expect(text).not.toContain('sk-other');
    // Four bytes a token at the very least in English and JSON; half of the window is left for work.
    if (contextTokens < 10_000) expect(bytes / 4).toBeLessThan(contextTokens / 2);
    expect(body.max_tokens ?? body.max_completion_tokens ?? 0).toBeLessThanOrEqual(contextTokens / 6);
  }
}
