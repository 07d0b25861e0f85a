/**
 * What a worker forks must not outlive a stack that is killed with -9. The kernel ends the worker itself then, but not
 * its children: vLLM's engine core would go on and keep the GPU's memory.
 */
import { spawn } from 'node:child_process';

/**
 * A shell that waits for its stdin to close, which happens when we die, however we die; then it kills the group that is
 * its argument. Python's resource tracker gets two seconds to remove what the killed shared (see `kill-group.ts`).
 * Fields behind the program's name in brackets: state, parent, group.
 */
const SCRIPT = `
read -r _
for dir in /proc/[0-9]*; do
  read -r stat 2>/dev/null < "$dir/stat" || continue
  set -- "$0" \${stat##*) }
  [ "$4" = "$1" ] || continue
  case $(tr '\\0' ' ' 2>/dev/null < "$dir/cmdline") in
    *multiprocessing.resource_tracker*) ;;
    *) kill -9 "\${dir#/proc/}" 2>/dev/null ;;
  esac
done
sleep 2
kill -9 -- "-$0" 2>/dev/null
`;

/** Watches for the end of this process on behalf of a worker's group; call the answer once the group is gone. */
export function watchDeath(group: number): () => void {
  if (process.platform === 'win32') return () => {};
  const shell = spawn('/bin/sh', ['-c', SCRIPT, String(group)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin' },
    detached: true,
  });
  // A system without a shell has no watch.
  shell.on('error', () => {});
  shell.stdin.on('error', () => {});
  shell.unref();
  return () => shell.kill('SIGKILL');
}
