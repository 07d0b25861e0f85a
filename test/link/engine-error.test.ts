import { describe, expect, it } from 'vitest';
import type { DynamoError } from '../../src/errors.js';
import { engineError } from '../../src/link/engine-error.js';
import { exchange } from './support/fixtures.js';

function recorded(name: string): DynamoError {
  const { status, body } = exchange(name);
  return engineError({ worker: 'w0', status, body: JSON.parse(body) });
}

describe('recorded vLLM refusals', () => {
  it('a prompt over the context is prompt_too_long with both numbers', () => {
    const error = recorded('error-context-too-long');
    expect(error.code).toBe('prompt_too_long');
    expect(error.message).toBe('prompt is too long: 2049 tokens > 2048 maximum');
    expect(error.status).toBe(400);
  });

  it('max_tokens over the context is not: the prompt fits', () => {
    const error = recorded('error-max-tokens-too-large');
    expect([error.code, error.status, error.param]).toEqual(['engine_error', 400, 'max_tokens']);
  });

  it.each(['error-unknown-model', 'error-messages-unknown-model'])('%s names both models', (name) => {
    const error = recorded(name);
    expect([error.code, error.status]).toEqual(['unknown_model', 404]);
    expect(error.fields).toEqual({ model: 'nope', served: 'smollm2-135m' });
  });

  it("a field's error keeps its place and is the client's", () => {
    const error = recorded('error-bad-field');
    expect([error.code, error.status, error.param]).toEqual(['engine_error', 400, 'body.temperature']);
    expect(error.message).toContain('valid number');
  });

  it('a missing route and a wrong method are ours, not the client’s', () => {
    expect([recorded('error-not-found').code, recorded('error-not-found').status]).toEqual([
      'engine_error',
      502,
    ]);
    expect(recorded('error-method').message).toContain('Method Not Allowed');
  });
});

describe('other engines', () => {
  const refuse = (status: number, body: unknown, retryAfter?: string): DynamoError =>
    engineError({ worker: 'w1', status, body, ...(retryAfter === undefined ? {} : { retryAfter }) });

  it.each([
    [
      'This model’s maximum context length is 8192 tokens. However, you requested 9000 tokens (8000 in the messages, 1000 in the completion).',
      8000,
      8192,
    ],
    ['The input (12000 tokens) is longer than the model context length of 8192 tokens', '?', 8192],
    ['prompt is too long: 20 tokens > 10 maximum', 20, 10],
    ['the request exceeds the available context size', '?', '?'],
  ])('too long: %s', (message, tokens, limit) => {
    const error = refuse(400, { error: { message } });
    expect([error.code, error.fields]).toEqual(['prompt_too_long', { tokens, limit }]);
  });

  it('llama.cpp tells the numbers in fields', () => {
    const message = 'the request exceeds the available context size, try increasing it';
    const error = refuse(400, { error: { code: 400, message, n_prompt_tokens: 900, n_ctx: 512 } });
    expect([error.code, error.fields]).toEqual(['prompt_too_long', { tokens: 900, limit: 512 }]);
  });

  it.each([
    [429, { detail: 'queue full' }, '7', 7],
    [503, 'busy', undefined, 1],
    [503, '', 'Wed, 21 Oct 2026 07:28:00 GMT', 1],
  ])('%i is overloaded with a time to come back', (status, body, retryAfter, seconds) => {
    const error = refuse(status, body, retryAfter);
    expect([error.code, error.retryAfterSeconds]).toEqual(['overloaded', seconds]);
  });

  it('reads FastAPI lists, bare strings and nothing at all', () => {
    expect(refuse(422, { detail: [{ loc: ['body'], msg: 'field required' }] }).message).toContain(
      'field required',
    );
    expect(refuse(422, { detail: [] }).status).toBe(422);
    expect(refuse(500, 'Internal Server Error').message).toContain('Internal Server Error');
    expect(refuse(500, '').message).toContain('status 500');
    expect(refuse(500, null).status).toBe(502);
    expect(refuse(401, { error: 'bad key' }).status).toBe(502);
  });

  it('names the field a FastAPI list complains of', () => {
    const body = {
      detail: [{ type: 'missing', loc: ['body', 'messages', 0, 'content'], msg: 'Field required' }],
    };
    expect(refuse(422, body).param).toBe('body.messages.0.content');
  });

  it('reads an Anthropic envelope and the words of an HTML page', () => {
    const envelope = {
      type: 'error',
      error: { type: 'invalid_request_error', message: 'max_tokens: wrong' },
    };
    expect(refuse(400, envelope).message).toContain('max_tokens: wrong');
    const page =
      '<html><head><title>502 Bad Gateway</title><style>h1{x}</style></head><body><h1>Bad</h1></body></html>';
    const error = refuse(502, page);
    expect(error.message).toContain('502 Bad Gateway Bad');
    expect(error.message).not.toMatch(/[<>{]/);
  });

  it('does not lose itself in a body nested without end', () => {
    const deep = JSON.parse('['.repeat(20_000) + ']'.repeat(20_000)) as unknown;
    expect(refuse(500, deep).message).toContain('status 500');
  });

  it('an error inside a stream has its status in the body', () => {
    expect(engineError({ worker: 'w', status: 0, body: { error: { message: 'x', code: 400 } } }).status).toBe(
      400,
    );
    expect(engineError({ worker: 'w', status: 0, body: { error: { message: 'x' } } }).status).toBe(502);
  });
});
