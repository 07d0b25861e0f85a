/** A WebSocket client of `/v1/responses` that keeps what it was told. */
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { WebSocket } from 'ws';

export type SocketEvent = { type: string; sequence_number?: number } & Record<string, unknown>;

const LAST = new Set(['response.completed', 'response.failed', 'response.incomplete', 'error']);

export class TestSocket {
  readonly raw: WebSocket;
  readonly closed: Promise<{ code: number; reason: string }>;
  readonly #told: SocketEvent[] = [];
  #wake: () => void = () => {};

  constructor(url: string, headers: Record<string, string> = {}) {
    this.raw = new WebSocket(`${url.replace(/^http/, 'ws')}/v1/responses`, { headers });
    this.raw.on('message', (data: Buffer) => {
      this.#told.push(JSON.parse(data.toString('utf8')) as SocketEvent);
      this.#wake();
    });
    this.closed = new Promise((resolve) => {
      this.raw.on('close', (code, reason) => {
        resolve({ code, reason: reason.toString() });
        this.#wake();
      });
    });
    this.raw.on('error', () => {});
  }

  static async open(url: string, headers: Record<string, string> = {}): Promise<TestSocket> {
    const socket = new TestSocket(url, headers);
    await once(socket.raw, 'open');
    return socket;
  }

  send(message: unknown): void {
    this.raw.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  create(fields: Record<string, unknown>): void {
    this.send({ type: 'response.create', model: 'test-model', store: false, ...fields });
  }

  async next(): Promise<SocketEvent> {
    for (;;) {
      const first = this.#told.shift();
      if (first !== undefined) return first;
      if (this.raw.readyState === WebSocket.CLOSED) throw new Error('the connection is closed');
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Events up to and including the one that ends a response. */
  async turn(fields?: Record<string, unknown>): Promise<SocketEvent[]> {
    if (fields !== undefined) this.create(fields);
    const events: SocketEvent[] = [];
    do events.push(await this.next());
    while (!LAST.has(events.at(-1)?.type ?? ''));
    return events;
  }

  close(): void {
    this.raw.terminate();
  }
}

/** Id of the response that the last of these events ended. */
export function responseIdOf(events: readonly SocketEvent[]): string {
  return (events.at(-1)?.['response'] as { id: string }).id;
}

/** Status and body of a handshake that is refused. */
export async function refusal(
  url: string,
  headers: Record<string, string> = {},
): Promise<{ status: number; body: { error: { code: string; message: string } } }> {
  const socket = new WebSocket(url.replace(/^http/, 'ws'), { headers });
  socket.on('error', () => {});
  const [, answer] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  return { status: answer.statusCode ?? 0, body: JSON.parse(Buffer.concat(chunks).toString('utf8')) };
}
