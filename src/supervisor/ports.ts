/** Free ports, and who holds a taken one. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import net from 'node:net';
import { DynamoError } from '../errors.js';
import { allPids, processFacts } from './process-facts.js';

const PORT_MAX = 65_535;
/** Ports tried above a taken one before the kernel chooses. */
const NEXT_TRIES = 100;

/** `preferred` when it is free, else the next free one above it; any free one when none is preferred. */
export async function freePort(host: string, preferred?: number): Promise<number> {
  const last = Math.min(PORT_MAX, (preferred ?? 0) + NEXT_TRIES);
  for (let port = preferred ?? 0; port !== 0 && port <= last; port++) {
    const found = await tryPort(host, port);
    if (found !== null) return found;
  }
  const found = await tryPort(host, 0);
  if (found !== null) return found;
  throw new DynamoError('usage', {
    detail: `Nothing can listen on ${host}.`,
    remedy: 'Use an address of this machine: --host 127.0.0.1',
  });
}

/** Rejects with `port_in_use`, naming its holder where the system tells, and the next free port. */
export async function assertPortFree(host: string, port: number): Promise<void> {
  if ((await tryPort(host, port)) !== null) return;
  throw await portInUse(host, port);
}

/** The error for a port that turned out to be taken. */
export async function portInUse(host: string, port: number): Promise<DynamoError> {
  const holder = portHolder(port);
  const by = holder === null ? '' : ` by pid ${holder.pid} (${holder.commandLine.slice(0, 120)})`;
  const next = await freePort(host, Math.min(port + 1, PORT_MAX));
  return new DynamoError('port_in_use', { port, host, holder: by, next });
}

/** Process that listens on a TCP port; null when it cannot be told (another user's process, another system). */
export function portHolder(port: number): { pid: number; commandLine: string } | null {
  const inodes = listeningInodes(port);
  if (inodes.size === 0) return null;
  const pid = allPids().find((candidate) => socketsOf(candidate).some((inode) => inodes.has(inode)));
  const facts = pid === undefined ? null : processFacts(pid);
  return facts === null ? null : { pid: facts.pid, commandLine: facts.commandLine };
}

/** The port if it could be opened, null if something else has it or the address is not ours. */
function tryPort(host: string, port: number): Promise<number | null> {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once('error', () => resolve(null));
    server.listen({ host, port, exclusive: true }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : null));
    });
  });
}

/** Rows of /proc/net/tcp: `sl local_address rem_address st … inode`; 0A is LISTEN, the port is hexadecimal. */
function listeningInodes(port: number): Set<string> {
  const wanted = port.toString(16).toUpperCase().padStart(4, '0');
  const rows = ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((file) => readLines(file));
  const listening = rows
    .map((row) => row.trim().split(/\s+/))
    .filter((fields) => fields[3] === '0A' && fields[1]?.split(':')[1] === wanted);
  return new Set(listening.flatMap((fields) => fields[9] ?? []));
}

function readLines(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n').slice(1);
  } catch {
    return [];
  }
}

function socketsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      const target = linkOf(`/proc/${pid}/fd/${fd}`);
      return /^socket:\[(\d+)\]$/.exec(target)?.[1] ?? [];
    });
  } catch {
    return [];
  }
}

function linkOf(file: string): string {
  try {
    return readlinkSync(file);
  } catch {
    return '';
  }
}
