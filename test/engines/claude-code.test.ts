/**
 * The real Claude Code CLI against the real stack: an answer through `/v1/messages`, and a second turn that reads
 * the cache. Nothing of the user's is read or written.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Home, makeHome, type RunningStack } from '../e2e/harness.js';
import { AGENTS, type Agent, installAgent } from './support/agents.js';

const run = promisify(execFile);

let home: Home;
let stack: RunningStack;
let scratch: string;
let claude: string;

beforeAll(async () => {
  scratch = mkdtempSync(path.join(os.tmpdir(), 'dyn-cc-'));
  claude = path.join(await installAgent(AGENTS[0] as Agent), 'claude');
  mkdirSync(path.join(scratch, 'home'));
  mkdirSync(path.join(scratch, 'project'));
  home = makeHome();
  stack = await home.up('--workers', '2');
});

afterAll(async () => {
  await stack?.down();
  home?.remove();
  rmSync(scratch, { recursive: true, force: true });
});

async function ask(
  prompt: string,
  ...more: string[]
): Promise<{ result: string; is_error: boolean; session_id: string; usage: Record<string, number> }> {
  const flags = [
    '--bare',
    '--system-prompt',
    'You are a coding assistant.',
    '--tools',
    'Bash',
    '--model',
    'smollm2',
    '--output-format',
    'json',
  ];
  const { stdout } = await run(claude, ['-p', prompt, ...flags, ...more], {
    cwd: path.join(scratch, 'project'),
    env: {
      PATH: process.env['PATH'],
      HOME: path.join(scratch, 'home'),
      TMPDIR: path.join(scratch, 'home'),
      ANTHROPIC_BASE_URL: stack.url,
      ANTHROPIC_AUTH_TOKEN: 'unused',
      ANTHROPIC_SMALL_FAST_MODEL: 'smollm2',
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
      CLAUDE_CODE_MAX_OUTPUT_TOKENS: '128',
      MAX_THINKING_TOKENS: '0',
      DISABLE_TELEMETRY: '1',
    },
    timeout: 300_000,
    maxBuffer: 16 << 20,
  });
  return JSON.parse(stdout);
}

describe('Claude Code', () => {
  it('gets an answer, and its second turn reports cached tokens', async () => {
    const first = await ask('What is the capital of France? Answer in one word.');
    expect(first.is_error).toBe(false);
    expect(first.result.length).toBeGreaterThan(0);
    const second = await ask('And of Italy?', '--resume', first.session_id);
    expect(second.is_error).toBe(false);
    expect(second.usage['cache_read_input_tokens']).toBeGreaterThan(256);
  });

  it('is told apart as a harness with its own session', async () => {
    const { sessions, requests } = await stack.snapshot();
    expect(requests.failed).toBe(0);
    expect(sessions.map(({ harness }) => harness)).toContain('claude-code');
  });
});
