#!/usr/bin/env node
// Hands argv to oclif. `--version` and the plain `--help` (rendered by the build) are answered, and an old Node
// refused, before anything is imported: oclif alone takes longer to load than either should take.
const [major, minor] = process.versions.node.split('.').map(Number);
const argv = process.argv.slice(2);

if (major < 20 || (major === 20 && minor < 20)) {
  process.stderr.write(
    `dynamo: Node ${process.versions.node} is too old; dynamo needs 20.20 or newer.\n  Install it from nodejs.org.\n`,
  );
  process.exitCode = 1;
} else if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-v' || argv[0] === 'version')) {
  const { readFileSync } = await import('node:fs');
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  process.stdout.write(`dynamo ${version}\n`);
} else if (
  argv.length === 0 ||
  (argv.length === 1 && (argv[0] === '--help' || argv[0] === '-h' || argv[0] === 'help'))
) {
  const { readFileSync } = await import('node:fs');
  try {
    process.stdout.write(readFileSync(new URL('../dist/help.txt', import.meta.url), 'utf8'));
  } catch {
    await runOclif(); // Not built yet, or being built.
  }
} else {
  await runOclif();
}

async function runOclif() {
  if (process.env.NODE_ENV === undefined) {
    process.env.NODE_ENV = 'production';
    // For `dynamo launch`: an agent's shell must not see it, npm would leave development packages out there.
    process.env.DYNAMO_SET_NODE_ENV = '1';
  }
  const { execute } = await import('@oclif/core');
  await execute({ dir: import.meta.url });
}
