#!/usr/bin/env node
// Stands for any coding agent: writes into its configuration home as the real ones do (into the user's where the
// variable that moves it is missing), reports how it was called, then ends as FAKE_END says.
const fs = require('node:fs');
const path = require('node:path');

const home = process.env.HOME;
const name = path.basename(process.argv[1]);
const dir = {
  claude: process.env.CLAUDE_CONFIG_DIR ?? path.join(home, '.claude'),
  codex: process.env.CODEX_HOME ?? path.join(home, '.codex'),
  opencode: path.join(process.env.XDG_CONFIG_HOME ?? path.join(home, '.config'), 'opencode'),
  pi: process.env.PI_CODING_AGENT_DIR ?? path.join(home, '.pi', 'agent'),
}[name];
fs.mkdirSync(dir, { recursive: true });
const found = Object.fromEntries(
  fs
    .readdirSync(dir, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name: file }) => {
      const whole = path.join(dir, file);
      return [file, { text: fs.readFileSync(whole, 'utf8'), mode: fs.statSync(whole).mode & 0o777 }];
    }),
);
for (const file of ['settings.json', 'config.toml', 'opencode.json', 'auth.json']) {
  fs.writeFileSync(path.join(dir, file), `{"written": "by ${name}"}`);
}
const report = {
  name,
  args: process.argv.slice(2),
  env: process.env,
  cwd: process.cwd(),
  dir,
  found,
};
fs.writeFileSync(process.env.FAKE_REPORT, JSON.stringify(report));
process.stdout.write('out of the agent\n');
process.stderr.write('err of the agent\n');

const end = process.env.FAKE_END ?? '0';
if (end === 'echo') process.stdin.pipe(process.stdout);
else if (end === 'kill') process.kill(process.pid, 'SIGKILL');
else if (end === 'wait') {
  process.on('SIGTERM', () => process.exit(42));
  process.on('SIGINT', () => process.exit(43));
  setTimeout(() => process.exit(44), 15_000);
  process.stdout.write('waiting\n');
} else process.exitCode = Number(end);
