/** A small real HTTP engine on a loopback port. */
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import type { StreamSink } from '../../../src/link/types.js';
import type { StreamEvent } from '../../../src/request/types.js';

export interface Engine {
  url: string;
  /** Bodies received, parsed. */
  bodies: Record<string, unknown>[];
  close(): Promise<void>;
}

export async function startEngine(
  answer: (request: http.IncomingMessage, response: http.ServerResponse) => void,
): Promise<Engine> {
  const bodies: Record<string, unknown>[] = [];
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString('utf8');
      if (text !== '') bodies.push(JSON.parse(text) as Record<string, unknown>);
      answer(request, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    bodies,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

/** Collects a stream; `ended` resolves with all events at `done` or `error`. */
export function collect(): { sink: StreamSink; events: StreamEvent[]; ended: Promise<StreamEvent[]> } {
  const events: StreamEvent[] = [];
  let resolveEnd: (events: StreamEvent[]) => void = () => {};
  const ended = new Promise<StreamEvent[]>((resolve) => {
    resolveEnd = resolve;
  });
  const onEvent = (event: StreamEvent): void => {
    events.push(event);
    if (event.type === 'done' || event.type === 'error') resolveEnd(events);
  };
  return { sink: { onEvent }, events, ended };
}

export function textOf(events: readonly StreamEvent[]): string {
  return events.flatMap((event) => (event.type === 'text' ? [event.text] : [])).join('');
}
