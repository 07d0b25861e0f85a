/** A launch as a POSIX shell would do it, for reading and for copying. */
import type { HarnessLaunch } from './types.js';

/** `export` and `unset` lines, then the files and the command as comments. Keys are masked unless asked for. */
export function shellLines(launch: HarnessLaunch, options: { showSecrets: boolean }): string {
  const env = options.showSecrets ? launch.env : maskSecrets(launch);
  return [
    ...launch.unset.map((name) => `unset ${name}`),
    ...Object.entries(env).map(([name, value]) => `export ${name}=${quote(value)}`),
    ...launch.files.map(({ kind, path }) =>
      comment(`${kind === 'merged' ? 'merges into' : 'writes'} ${path}`),
    ),
    comment(`runs ${[launch.program, ...launch.args].map(quote).join(' ')}`),
  ].join('\n');
}

/** The environment with every key replaced by a mask that keeps none of its characters. */
export function maskSecrets({ env, secrets }: HarnessLaunch): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).map(([name, value]) => [name, secrets.includes(name) ? '********' : value]),
  );
}

/** On one line whatever an argument holds: what follows a line break would be run by a shell that reads this. */
function comment(text: string): string {
  return `# ${text.replaceAll(/[\r\n]/g, ' ')}`;
}

function quote(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
