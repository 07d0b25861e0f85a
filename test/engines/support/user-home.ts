/** A user's home with settings for all agents, each of which would break a run that reads it. */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** Nobody listens there. */
const NOWHERE = 'http://127.0.0.1:9';

const FILES: Record<string, string> = {
  '.claude.json': '{"hasCompletedOnboarding": false}',
  '.claude/settings.json': JSON.stringify({ env: { ANTHROPIC_BASE_URL: NOWHERE }, model: 'other' }),
  '.claude/CLAUDE.md': 'USER-MEMORY: do nothing.',
  '.codex/config.toml': 'this is [ no toml',
  '.codex/auth.json': '{"OPENAI_API_KEY": "sk-other"}',
  '.codex/AGENTS.md': 'USER-MEMORY: do nothing.',
  '.config/opencode/opencode.json': JSON.stringify({
    model: 'other/model',
    provider: { other: { api: NOWHERE } },
  }),
  '.config/opencode/AGENTS.md': 'USER-MEMORY: do nothing.',
  '.local/share/opencode/auth.json': '{"openai": {"type": "api", "key": "sk-other"}}',
  '.pi/agent/settings.json': '{"defaultProvider": "openai"}',
  '.pi/agent/models.json': 'this is no json',
  '.pi/agent/AGENTS.md': 'USER-MEMORY: do nothing.',
  '.gitconfig': '[user]\n\tname = Somebody\n\temail = somebody@example.org\n',
};

export function fillHome(home: string): void {
  for (const [file, text] of Object.entries(FILES)) {
    mkdirSync(path.dirname(path.join(home, file)), { recursive: true });
    writeFileSync(path.join(home, file), text);
  }
}

/** Every path with its mode and its content's hash. */
export function homeState(home: string): Record<string, string> {
  const entries = readdirSync(home, { recursive: true, withFileTypes: true }).map((entry) => {
    const file = path.join(entry.parentPath, entry.name);
    const { mode } = statSync(file);
    const content = entry.isFile() ? createHash('sha256').update(readFileSync(file)).digest('hex') : '';
    return [path.relative(home, file), `${mode.toString(8)} ${content}`] as const;
  });
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}
