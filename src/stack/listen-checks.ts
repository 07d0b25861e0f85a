/** Whether the stack may and can listen where the user wants, said before anything is started. */
import net from 'node:net';
import { DynamoError } from '../errors.js';
import { nextFreePort, portHolder } from '../supervisor/ports.js';

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\])$/;

/** Beyond this machine only with a key, or with `--insecure`. */
export function requireSafeBind(host: string, keys: readonly unknown[], isInsecure: boolean): void {
  if (LOOPBACK.test(host) || keys.length > 0 || isInsecure) return;
  throw new DynamoError('usage', {
    detail: `Listening on ${host} would let anyone on the network use this stack.`,
    remedy: 'Set a key with DYNAMO_API_KEY or `--api-keys FILE`, or say `--insecure`.',
  });
}

/** Throws `port_in_use` with its holder and the next free port. */
export async function requireFreePort(host: string, port: number): Promise<void> {
  if (port === 0 || (await canListen(host, port))) return;
  throw await portInUse(host, port);
}

/** The error of a port somebody else has. */
export async function portInUse(host: string, port: number): Promise<DynamoError> {
  const holder = portHolder(port);
  const by = holder === null ? '' : ` by ${holder}`;
  return new DynamoError('port_in_use', { host, port, holder: by, next: await nextFreePort(host, port + 1) });
}

function canListen(host: string, port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const probe = net.createServer();
    probe.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') return resolve(false);
      const why = error.code === 'EACCES' ? 'it needs more rights' : error.message;
      const detail = `${host}:${port} cannot be listened on: ${why}.`;
      reject(new DynamoError('usage', { detail, remedy: 'Choose another with --host and --port.' }));
    });
    probe.listen(port, host, () => probe.close(() => resolve(true)));
  });
}
