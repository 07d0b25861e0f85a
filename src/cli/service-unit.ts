/** The systemd user unit of a stack. Pure. */
import path from 'node:path';

export interface UnitWish {
  /** Name of the stack. */
  name: string;
  /** Node and `bin/run.js`, absolute. */
  node: string;
  program: string;
  /** Arguments of `dynamo up` beside name and `--no-tui`. */
  upArgs: readonly string[];
  /** What the stack must see: PATH for engines, `DYNAMO_HOME`, `XDG_…`; never keys. */
  env: Readonly<Record<string, string>>;
  /** File of `NAME=value` lines that may hold keys; need not exist. */
  secretsFile: string;
}

/** Drain and stop ladder together, with room. */
const STOP_SECONDS = 60;
/** Weights of hundreds of gigabytes are read from disk first: a unit counts as started when the process runs. */
const RESTART_SECONDS = 10;

export const unitName = (stack: string): string => `dynamo-${stack}.service`;

/** `$XDG_CONFIG_HOME/systemd/user/dynamo-NAME.service`. */
export const unitFile = (configHome: string, stack: string): string =>
  path.join(configHome, 'systemd', 'user', unitName(stack));

export function unitText({ name, node, program, upArgs, env, secretsFile }: UnitWish): string {
  const run = [node, program].map(quoted).join(' ');
  const own = ['--name', name].map(quoted).join(' ');
  return [
    '# Written by `dynamo service install`; `dynamo service remove` takes it away.',
    '[Unit]',
    `Description=dynamo stack ${escaped(name)}`,
    'Wants=network-online.target',
    'After=network-online.target',
    // A stack that cannot start (a missing engine, a port) is not tried for ever.
    'StartLimitIntervalSec=300',
    'StartLimitBurst=5',
    '',
    '[Service]',
    'Type=exec',
    `ExecStart=${[run, 'up', '--no-tui', own, ...upArgs.map(quoted)].join(' ')}`,
    `ExecStop=${run} down ${own}`,
    'Restart=on-failure',
    `RestartSec=${RESTART_SECONDS}`,
    `TimeoutStopSec=${STOP_SECONDS}`,
    // `down` has had its time: whatever is left of workers and engine cores goes.
    'KillMode=control-group',
    // 2: wrong usage, 3: this host cannot run it; trying again cannot help. 130: stopped by `down`.
    'RestartPreventExitStatus=2 3',
    'SuccessExitStatus=130',
    ...Object.entries(env).map(([key, value]) => `Environment=${quoted(`${key}=${value}`)}`),
    `EnvironmentFile=-${escaped(secretsFile)}`,
    '',
    '[Install]',
    'WantedBy=default.target',
    '',
  ].join('\n');
}

/** As systemd reads one word: `%` and `$` mean something to it, and a line ends a setting. */
function quoted(word: string): string {
  const text = escaped(word).replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('$', '$$$$');
  return /^[\w@+=:,./%-]+$/.test(text) ? text : `"${text.replaceAll('\n', '\\n')}"`;
}

const escaped = (text: string): string => text.replaceAll('%', '%%');
