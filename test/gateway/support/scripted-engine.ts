/** A real HTTP engine on loopback that answers as scripted, in vLLM's wire format. */
import { EventEmitter, once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';

export type Body = Record<string, unknown>;

/** Answers one request; `body` is what the gateway sent. */
export type Script = (exchange: Exchange) => void | Promise<void>;

export interface Exchange {
  body: Body;
  response: http.ServerResponse;
  /** Sends one chunk, opening the stream first. */
  chunk(value: unknown): void;
  /** A delta of choice 0. */
  delta(delta: Body, finish?: string | null): void;
  /** The usage chunk and `[DONE]`. */
  done(usage?: Body): void;
  /** A whole answer of these text pieces. */
  say(...pieces: string[]): void;
  /** A refusal. */
  refuse(status: number, body: unknown): void;
  /** Resolves when the gateway hung up. */
  hungUp: Promise<unknown>;
}

export interface ScriptedEngine {
  url: string;
  bodies: Body[];
  /** Header lines of each request, as they came: names and values in turn. */
  headers: string[][];
  /** Requests whose connection the gateway closed before the answer was whole. */
  cancelled: number;
  script: Script;
  /** Resolves with the next request's body. */
  next(): Promise<Body>;
  close(): Promise<void>;
}

export const USAGE: Body = {
  prompt_tokens: 20,
  completion_tokens: 3,
  total_tokens: 23,
  prompt_tokens_details: { cached_tokens: 8 },
};

export async function startScriptedEngine(script: Script): Promise<ScriptedEngine> {
  const arrivals = new EventEmitter();
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = JSON.parse(Buffer.concat(chunks).toString('utf8')) as Body;
      engine.bodies.push(body);
      engine.headers.push(request.rawHeaders);
      response.on('close', () => {
        if (!response.writableFinished) engine.cancelled += 1;
      });
      arrivals.emit('request', body);
      void engine.script(exchangeOf(body, response));
    });
  });
  const engine: ScriptedEngine = {
    url: '',
    bodies: [],
    headers: [],
    cancelled: 0,
    script,
    next: async () => (await once(arrivals, 'request'))[0] as Body,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  engine.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return engine;
}

function exchangeOf(body: Body, response: http.ServerResponse): Exchange {
  const isChat = body['messages'] !== undefined;
  const id = `${isChat ? 'chatcmpl' : 'cmpl'}-${String(body['request_id'])}`;
  const head = { id, object: 'chat.completion.chunk', created: 1, model: body['model'] };
  const open = () => {
    if (!response.headersSent) response.writeHead(200, { 'content-type': 'text/event-stream' });
  };
  const chunk = (value: unknown) => {
    open();
    response.write(`data: ${JSON.stringify(value)}\n\n`);
  };
  const delta = (piece: Body, finish: string | null = null) => {
    const choice = isChat
      ? { index: 0, delta: piece, finish_reason: finish }
      : { index: 0, text: piece['content'] ?? '', finish_reason: finish };
    chunk({ ...head, choices: [choice] });
  };
  const done = (usage: Body = USAGE) => {
    chunk({ ...head, choices: [], usage });
    response.end('data: [DONE]\n\n');
  };
  return {
    body,
    response,
    chunk,
    delta,
    done,
    say: (...pieces) => {
      if (isChat) delta({ role: 'assistant', content: '' });
      for (const content of pieces) delta({ content });
      delta({}, 'stop');
      done();
    },
    refuse: (status, value) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(value));
    },
    hungUp: once(response, 'close'),
  };
}

/** Replays a recorded answer of vLLM 0.32.0. */
export function replay(name: string): Script {
  const file = path.join(import.meta.dirname, '../../fixtures/vllm/http.json');
  const recorded = JSON.parse(readFileSync(file, 'utf8')) as Record<
    string,
    { status: number; contentType: string; body: string }
  >;
  const answer = recorded[name];
  if (answer === undefined) throw new Error(`no recording ${name}`);
  return ({ response }) => {
    response.writeHead(answer.status, { 'content-type': answer.contentType });
    response.end(answer.body);
  };
}
