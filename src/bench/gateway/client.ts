/** One client connection that is kept open: a request, timed, its answer checked. */
import http from 'node:http';
import { ANSWER_TEXT } from './upstream-answer.js';

export interface Exchange {
  firstByteMs: number;
  totalMs: number;
  /** Null when the answer was the right one. */
  failure: string | null;
}

export interface ClientRequest {
  session: string;
  body: Buffer;
  isStream: boolean;
  /** Reads the whole answer and compares its text; else only its status and its end are looked at. */
  isChecked?: boolean;
  onData?: (chunk: Buffer) => void;
}

/** Sent to ours only; others ignore it. */
const SESSION_HEADER = 'x-dynamo-session-id';
const STREAM_END = 'data: [DONE]\n\n';
const TIMEOUT_MS = 120_000;

export class BenchClient {
  readonly #agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  readonly #target: { hostname: string; port: string };

  constructor(url: string) {
    const { hostname, port } = new URL(url);
    this.#target = { hostname, port };
  }

  close(): void {
    this.#agent.destroy();
  }

  /** Never rejects: what went wrong is the exchange's `failure`. */
  send(request: ClientRequest): Promise<Exchange> {
    const { body, session } = request;
    const startedAt = performance.now();
    return new Promise((resolve) => {
      const settle = (firstByteMs: number, failure: string | null) =>
        resolve({ firstByteMs, totalMs: performance.now() - startedAt, failure });
      const headers = {
        'content-type': 'application/json',
        'content-length': body.length,
        [SESSION_HEADER]: session,
      };
      const options = { ...this.#target, agent: this.#agent, method: 'POST', path: '/v1/chat/completions' };
      const sent = http.request({ ...options, headers, timeout: TIMEOUT_MS }, (response) =>
        read(request, response, startedAt, settle),
      );
      sent.on('timeout', () => sent.destroy(new Error('no answer in time')));
      sent.on('error', (error) => settle(Number.NaN, error.message));
      sent.setNoDelay(true);
      sent.end(body);
    });
  }
}

function read(
  request: ClientRequest,
  response: http.IncomingMessage,
  startedAt: number,
  settle: (firstByteMs: number, failure: string | null) => void,
): void {
  let firstByteMs = Number.NaN;
  const pieces: Buffer[] = [];
  const isKept = request.isChecked === true || response.statusCode !== 200;
  response.on('data', (chunk: Buffer) => {
    if (Number.isNaN(firstByteMs)) firstByteMs = performance.now() - startedAt;
    request.onData?.(chunk);
    // The end of the answer may be cut across two pieces, not across more.
    if (!isKept && pieces.length > 1) pieces.shift();
    pieces.push(chunk);
  });
  response.on('error', (error) => settle(firstByteMs, error.message));
  response.on('end', () => settle(firstByteMs, failureOf(response.statusCode ?? 0, pieces, request)));
}

function failureOf(status: number, pieces: readonly Buffer[], request: ClientRequest): string | null {
  const text = Buffer.concat(pieces).toString('latin1');
  if (status !== 200) return `status ${status}: ${text.slice(0, 200)}`;
  const isWhole = request.isStream ? text.endsWith(STREAM_END) : text.trimEnd().endsWith('}');
  if (!isWhole) return `the answer ends with ${JSON.stringify(text.slice(-40))}`;
  if (request.isChecked !== true) return null;
  const said = request.isStream ? streamedText(text) : wholeText(text);
  return said === ANSWER_TEXT ? null : `the answer's text is ${JSON.stringify(said.slice(0, 80))}`;
}

interface Choices {
  choices?: { delta?: { content?: string | null }; message?: { content?: string | null } }[];
}

/** The text of a stream of chat completion chunks. */
export function streamedText(stream: string): string {
  return stream
    .split('\n')
    .filter((line) => line.startsWith('data: {'))
    .map((line) => (JSON.parse(line.slice(6)) as Choices).choices?.[0]?.delta?.content ?? '')
    .join('');
}

function wholeText(answer: string): string {
  return (JSON.parse(answer) as Choices).choices?.[0]?.message?.content ?? '';
}
