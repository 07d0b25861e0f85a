/** Talking to a running stack over its admin socket, without any HTTP library: `status` must start fast. */
import http from 'node:http';
import path from 'node:path';
import { DynamoError } from '../errors.js';
import type { Snapshot } from '../telemetry/types.js';
import { adminSocket, type Paths, requirePrivate } from './paths.js';

export interface StackClient {
  snapshot(): Promise<Snapshot>;
  /** Calls back with a snapshot every `intervalMs` until unsubscribed; `onLost` once when the stack is gone. */
  subscribe(listener: (snapshot: Snapshot) => void, intervalMs: number, onLost?: () => void): () => void;
  /** One admin exchange as JSON. */
  call(method: 'GET' | 'POST', path: string, body?: unknown, timeoutMs?: number): Promise<unknown>;
}

const CALL_TIMEOUT_MS = 10_000;

/** Connects to the stack of that name; rejects with `stack_not_running` when nobody answers. */
export async function attach(name: string, paths: Paths): Promise<StackClient> {
  const socketPath = adminSocket(paths, name);
  requirePrivate(path.dirname(socketPath));
  const call = caller(name, socketPath);
  await call('GET', '/admin/ping');
  return {
    call,
    snapshot: async () => (await call('GET', '/dynamo/v1/snapshot')) as Snapshot,
    subscribe: (listener, intervalMs, onLost) => poll(call, listener, intervalMs, onLost),
  };
}

function poll(
  call: StackClient['call'],
  listener: (snapshot: Snapshot) => void,
  intervalMs: number,
  onLost?: () => void,
): () => void {
  let isOver = false;
  let timer: NodeJS.Timeout | undefined;
  const tick = async (): Promise<void> => {
    try {
      const snapshot = (await call('GET', '/dynamo/v1/snapshot')) as Snapshot;
      if (!isOver) listener(snapshot);
    } catch {
      if (!isOver) onLost?.();
      isOver = true;
    }
    if (!isOver) timer = setTimeout(tick, intervalMs);
  };
  void tick();
  return () => {
    isOver = true;
    clearTimeout(timer);
  };
}

function caller(name: string, socketPath: string): StackClient['call'] {
  return (method, path, body, timeout = CALL_TIMEOUT_MS) =>
    new Promise((resolve, reject) => {
      const text = body === undefined ? undefined : JSON.stringify(body);
      const headers =
        text === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
      const request = http.request({ socketPath, method, path, headers, timeout }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () =>
          settle(response.statusCode ?? 0, Buffer.concat(chunks).toString('utf8'), resolve, reject),
        );
      });
      request.on('timeout', () => request.destroy(new Error('no answer in time')));
      request.on('error', (error: NodeJS.ErrnoException) => {
        const isGone = error.code === 'ENOENT' || error.code === 'ECONNREFUSED';
        reject(isGone ? new DynamoError('stack_not_running', { name }) : error);
      });
      request.end(text);
    });
}

function settle(
  status: number,
  text: string,
  resolve: (value: unknown) => void,
  reject: (error: Error) => void,
): void {
  let value: unknown;
  try {
    value = text === '' ? null : JSON.parse(text);
  } catch {
    reject(new Error(`the stack answered ${status} with something that is not JSON`));
    return;
  }
  if (status < 400) {
    resolve(value);
    return;
  }
  const message = (value as { error?: { message?: string } } | null)?.error?.message ?? `status ${status}`;
  reject(
    new DynamoError(status === 404 ? 'not_found' : 'invalid_request', {
      detail: message,
      method: '',
      path: message,
    }),
  );
}
