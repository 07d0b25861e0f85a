/** Free ports, and who holds a taken one. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import net from 'node:net';
import { DynamoError } from '../errors.js';
import { allPids, processFacts } from './process-facts.js';

const PORT_MAX = 65_535;
/** Ports tried above a taken one before the kernel chooses. */
const NEXT_TRIES = 100;
/** Characters of a holder's command line in an error. */
const COMMAND_SHOWN = 120;

/**
 * `preferred` when it is free, else the next free one above it; any free one when none is preferred, but none of `taken`:
 * those were found free and are not listened on yet.
 */
export async function freePort(
  host: string,
  preferred = 0,
  taken: ReadonlySet<number> = new Set(),
): Promise<number> {
  if (preferred > 0) return await nextFreePort(host, preferred);
  for (let tries = 0; tries <= taken.size; tries += 1) {
    const found = await tryPort(host, 0);
    if (found === null) break;
    if (!taken.has(found)) return found;
  }
  throw new DynamoError('usage', {
    detail: `Nothing can listen on ${host}.`,
    remedy: 'Use an address of this machine: --host 127.0.0.1',
  });
}

/** First free port from `from` upwards; any free one when a hundred in a row are taken. */
export async function nextFreePort(host: string, from: number): Promise<number> {
  const last = Math.min(PORT_MAX, from + NEXT_TRIES);
  for (let port = Math.max(1, from); port <= last; port++) {
    if ((await tryPort(host, port)) !== null) return port;
  }
  return await freePort(host);
}

/** `pid 123 (node server.js)`, who listens on a TCP port; null when it cannot be told (another user's, another system). */
export function portHolder(port: number): string | null {
  const inodes = listeningInodes(port);
  if (inodes.size === 0) return null;
  const pid = allPids().find((candidate) => socketsOf(candidate).some((inode) => inodes.has(inode)));
  if (pid === undefined) return null;
  return `pid ${pid} (${processFacts(pid)?.commandLine.slice(0, COMMAND_SHOWN) ?? 'unknown'})`;
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
