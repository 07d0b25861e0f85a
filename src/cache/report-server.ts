/** The stack's end of the report socket: lines of all workers, in each one's order. */
import { chmodSync, rmSync } from 'node:fs';
import net from 'node:net';
import { LIMITS } from '../limits.js';
import { decodeReport, type Report } from './report-lines.js';

export interface ReportServer {
  close(): Promise<void>;
}

/** Listens on a socket only its owner can open. A line too long or no report is dropped, and told once per connection. */
export async function listenReports(
  path: string,
  onReport: (report: Report) => void,
  onWarning: (message: string) => void,
): Promise<ReportServer> {
  rmSync(path, { force: true });
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
    readLines(socket, onReport, onWarning);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  chmodSync(path, 0o600);
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function readLines(
  socket: net.Socket,
  onReport: (report: Report) => void,
  onWarning: (message: string) => void,
): void {
  let rest = '';
  let isWarned = false;
  socket.setEncoding('utf8');
  socket.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > LIMITS.pageReportChars) socket.destroy();
    for (const line of lines) {
      const report = decodeReport(line);
      if (report !== null) onReport(report);
      else if (!isWarned) {
        isWarned = true;
        onWarning('a worker sent a page report that cannot be read');
      }
    }
  });
}
