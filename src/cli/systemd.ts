/** Asking the user's own systemd. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { DynamoError } from '../errors.js';

const TIMEOUT_MS = 90_000;

export interface ServiceState {
  /** `active`, `inactive`, `failed`, `activating`, … */
  active: string;
  /** `running`, `dead`, `auto-restart`, … */
  sub: string;
  /** Null when nothing runs. */
  pid: number | null;
  /** Whether it is started at login. */
  isEnabled: boolean;
}

/** Runs `systemctl --user ARGS`. Rejects with `usage` when there is no systemd of this user, or it refuses. */
export async function systemctl(...args: string[]): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)('systemctl', ['--user', ...args], { timeout: TIMEOUT_MS });
    return stdout;
  } catch (error) {
    const { code, stderr = '' } = error as NodeJS.ErrnoException & { stderr?: string };
    throw new DynamoError('usage', reasonOf(code === 'ENOENT', stderr, args), { exit: 1, cause: error });
  }
}

function reasonOf(isMissing: boolean, stderr: string, args: string[]): { detail: string; remedy: string } {
  if (isMissing)
    return { detail: 'There is no systemd here.', remedy: 'Keep a stack running with `dynamo up --detach`.' };
  if (/bus|DBUS|XDG_RUNTIME_DIR|System has not been booted/i.test(stderr)) {
    return {
      detail: `systemd does not run services of this user here: ${stderr.trim()}.`,
      remedy: 'Log in as the user itself (not with su or sudo), or use `dynamo up --detach`.',
    };
  }
  return {
    detail: `systemctl --user ${args.join(' ')}: ${stderr.trim()}.`,
    remedy: 'See `systemctl --user status`.',
  };
}

/** Of one unit, whether it is installed or not. */
export async function serviceState(unit: string): Promise<ServiceState> {
  const names = ['ActiveState', 'SubState', 'MainPID', 'UnitFileState'];
  const text = await systemctl('show', unit, ...names.map((name) => `--property=${name}`));
  const fields = new Map(text.split('\n').map((line) => line.split('=', 2) as [string, string]));
  const pid = Number(fields.get('MainPID') ?? 0);
  return {
    active: fields.get('ActiveState') ?? 'unknown',
    sub: fields.get('SubState') ?? 'unknown',
    pid: pid > 0 ? pid : null,
    isEnabled: fields.get('UnitFileState') === 'enabled',
  };
}
