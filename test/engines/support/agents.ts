/** The real coding agents: pinned releases, installed once for all test files, and how each is asked to do a job. */
import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { execa } from 'execa';
import { inject } from 'vitest';
import type { HarnessName } from '../../../src/agents/launch/types.js';
import type { Call } from './wire.js';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Folder the agents are installed into; removed after the last test. */
    agents: string;
  }
}

export interface Agent {
  name: HarnessName;
  /** The newest release that runs on Node 20. */
  package: string;
  /** Arguments for one prompt, no questions, all tools allowed; the prompt comes last. */
  ask: readonly string[];
  /** Name the gateway knows the agent by. */
  harness: string;
  /** The same three calls in the agent's own words. */
  create(file: string, text: string): Call;
  run(command: string): Call;
  edit(file: string, before: string, after: string): Call;
}

const patch = (...lines: string[]): Call => ({
  name: 'apply_patch',
  args: { input: ['*** Begin Patch', ...lines, '*** End Patch', ''].join('\n') },
});
const bash = (command: string): Call => ({ name: 'bash', args: { command, description: 'as asked' } });
const prefixed = (sign: string, text: string): string[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => sign + line);

export const AGENTS: readonly Agent[] = [
  {
    name: 'claude',
    package: '@anthropic-ai/claude-code@2.1.197',
    ask: ['--allowedTools=Bash,Write,Edit,Read', '-p'],
    harness: 'claude-code',
    create: (file, content) => ({ name: 'Write', args: { file_path: file, content } }),
    run: (command) => ({ ...bash(command), name: 'Bash' }),
    edit: (file, old_string, new_string) => ({
      name: 'Edit',
      args: { file_path: file, old_string, new_string, replace_all: false },
    }),
  },
  {
    name: 'codex',
    package: '@openai/codex@0.169.0',
    ask: ['exec', '--skip-git-repo-check', '--dangerously-bypass-approvals-and-sandbox'],
    harness: 'codex',
    create: (file, text) => patch(`*** Add File: ${path.basename(file)}`, ...prefixed('+', text)),
    run: (cmd) => ({ name: 'exec_command', args: { cmd } }),
    edit: (file, before, after) =>
      patch(
        `*** Update File: ${path.basename(file)}`,
        '@@',
        ...prefixed('-', before),
        ...prefixed('+', after),
      ),
  },
  {
    name: 'opencode',
    package: 'opencode-ai@1.18.33',
    ask: ['run'],
    harness: 'opencode',
    create: (filePath, content) => ({ name: 'write', args: { filePath, content } }),
    run: bash,
    edit: (filePath, oldString, newString) => ({ name: 'edit', args: { filePath, oldString, newString } }),
  },
  {
    name: 'pi',
    package: '@earendil-works/pi-coding-agent@0.74.2',
    ask: ['-p'],
    harness: 'pi',
    create: (file, content) => ({ name: 'write', args: { path: file, content } }),
    run: (command) => ({ name: 'bash', args: { command } }),
    edit: (file, oldText, newText) => ({ name: 'edit', args: { path: file, edits: [{ oldText, newText }] } }),
  },
];

/** Folder with the agent's program, installed from npm by the first test file that asks. */
export async function installAgent(agent: Agent): Promise<string> {
  const dir = path.join(inject('agents'), agent.name);
  const bin = path.join(dir, 'node_modules', '.bin');
  if (existsSync(path.join(bin, agent.name))) return bin;
  mkdirSync(dir, { recursive: true });
  const quiet = ['--no-audit', '--no-fund', '--loglevel=error'];
  // Install scripts run the agent, which leaves folders of its own in the temporary one.
  const env = { TMPDIR: path.join(dir, 'tmp') };
  mkdirSync(env.TMPDIR);
  await execa('npm', ['install', '--prefix', dir, ...quiet, agent.package], { env });
  return bin;
}
