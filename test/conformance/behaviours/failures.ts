/** Refusals, broken answers and broken connections. */
import { expect } from 'vitest';
import { type Exchange, replay } from '../../gateway/support/scripted-engine.js';
import { type Behaviour, talk, tools } from './behaviour.js';

export const FAILURES: Behaviour[] = [
  {
    name: 'a call whose name never comes',
    ask: { tools },
    script: talk({ tool_calls: [{ index: 0, id: 'call_a', function: { arguments: '{}' } }] }),
    expected: (told) => expect(told.error).toMatch(/without a name/),
  },
  {
    name: 'an engine that gives up in the middle',
    script: ({ delta, done }) => {
      delta({ content: 'half' });
      delta({}, 'abort');
      done();
    },
    expected: (told) => expect(told.error).toMatch(/abort/),
  },
  {
    name: 'an error as the first event',
    script: ({ chunk, response }) => {
      chunk({ object: 'error', message: 'no memory', type: 'InternalServerError', code: 500 });
      response.end();
    },
    expected: (told) => expect(told.error).toContain('no memory'),
  },
  {
    name: 'a connection that breaks before the first token',
    script: ({ response }: Exchange) => {
      response.destroy();
    },
    expected: (told) => {
      expect(told.status).toBe(502);
      expect(told.error).toMatch(/lost/);
    },
  },
  {
    name: 'a connection that breaks after the headers',
    script: ({ response }: Exchange) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.flushHeaders();
      response.destroy();
    },
    expected: (told) => expect(told.error).toMatch(/lost/),
  },
  {
    name: 'an empty answer',
    script: ({ response }: Exchange) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end();
    },
    expected: (told) => expect(told.error).toMatch(/lost/),
  },
  {
    name: 'a page of a proxy',
    script: ({ response }: Exchange) => {
      response.writeHead(502, { 'content-type': 'text/html' });
      response.end('<html><body><h1>Bad Gateway</h1></body></html>');
    },
    expected: (told) => {
      expect(told.status).toBe(502);
      expect(told.error).toContain('Bad Gateway');
      expect(told.error).not.toContain('<');
    },
  },
  {
    name: 'a refusal in the form of FastAPI',
    script: ({ refuse }) =>
      refuse(422, { detail: [{ loc: ['body', 'tools', 0], msg: 'Extra inputs are not permitted' }] }),
    expected: (told) => {
      expect(told.status).toBe(422);
      expect(told.error).toContain('Extra inputs');
    },
  },
  {
    name: 'a refusal in the form of Anthropic',
    script: ({ refuse }) =>
      refuse(400, { type: 'error', error: { type: 'invalid_request_error', message: 'bad tool' } }),
    expected: (told) => {
      expect(told.status).toBe(400);
      expect(told.error).toContain('bad tool');
    },
  },
  {
    name: 'a refusal without a body',
    script: ({ response }: Exchange) => {
      response.writeHead(500);
      response.end();
    },
    expected: (told) => {
      expect(told.status).toBe(502);
      expect(told.error).toContain('500');
    },
  },
  {
    name: 'a refusal before the first byte, with its status',
    script: replay('error-max-tokens-too-large'),
    expected: (told) => {
      expect(told.status).toBe(400);
      expect(told.error).toMatch(/max_tokens/);
    },
  },
  {
    name: 'an engine that finds the prompt too long',
    script: replay('error-context-too-long'),
    expected: (told) => {
      expect(told.status).toBe(400);
      expect(told.error).toMatch(/prompt is too long: \d+ tokens > 2048|maximum context length is 2048/);
    },
  },
  {
    name: 'an engine that is full',
    script: ({ refuse }) => refuse(503, { error: { message: 'queue is full' } }),
    expected: { status: 529 },
  },
  {
    name: 'an engine that answers nonsense',
    script: ({ response }: Exchange) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end('data: {broken\n\n');
    },
    expected: (told) => expect(told.error).toMatch(/not JSON/),
  },
  {
    name: 'an error in the middle of the stream',
    script: ({ delta, chunk, response }) => {
      delta({ content: 'half' });
      chunk({ error: { message: 'out of memory', type: 'InternalServerError', code: 500 } });
      response.end();
    },
    expected: (told) => expect(told.error).toContain('out of memory'),
  },
  {
    name: 'a stream that just ends',
    script: ({ delta, response }) => {
      delta({ content: 'half' });
      response.end();
    },
    expected: (told) => expect(told.error).toMatch(/lost/),
  },
];
