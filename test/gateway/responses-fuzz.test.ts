/** Any item of a Responses conversation and any message of a socket: an answer or an error that says why. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compactDialect } from '../../src/dialects/responses/compact.js';
import { responsesDialect } from '../../src/dialects/responses/responses.js';
import { DynamoError } from '../../src/errors.js';
import { engineBody } from '../../src/request/engine-body.js';
import { startGateway, type TestGateway } from './support/harness.js';
import { mutationsOf } from './support/mutations.js';
import { TestSocket } from './support/socket.js';

/** Every kind of item, whole. */
const BODY = {
  model: 'test-model',
  input: [
    { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'a' }] },
    { type: 'additional_tools', role: 'developer', tools: [{ type: 'function', name: 'g', parameters: {} }] },
    { type: 'local_shell_call', id: 'l', call_id: 'c1', action: { type: 'exec', command: ['ls'] } },
    { type: 'local_shell_call_output', id: 'l', output: 'x' },
    { type: 'shell_call', call_id: 'c2', action: { commands: ['ls'] } },
    {
      type: 'shell_call_output',
      call_id: 'c2',
      output: [{ stdout: 'o', stderr: 'e', outcome: { type: 'exit', exit_code: 1 } }],
    },
    { type: 'apply_patch_call', call_id: 'c3', operation: { type: 'delete_file', path: 'p' } },
    { type: 'apply_patch_call_output', call_id: 'c3', status: 'completed' },
    { type: 'web_search_call', id: 'w', action: { type: 'search', query: 'q' } },
    { type: 'file_search_call', id: 'f', queries: ['q'], results: [{ filename: 'n', text: 't' }] },
    { type: 'code_interpreter_call', id: 'i', code: 'c', outputs: [{ type: 'logs', logs: 'l' }] },
    { type: 'image_generation_call', id: 'g', result: 'AA', revised_prompt: 'p' },
    { type: 'mcp_call', id: 'm', server_label: 's', name: 'n', arguments: '{}', output: 'o', error: null },
    { type: 'mcp_approval_request', id: 'a', server_label: 's', name: 'n', arguments: '{}' },
    { type: 'mcp_approval_response', approval_request_id: 'a', approve: true, reason: 'r' },
    { type: 'computer_call', call_id: 'c4', action: { type: 'screenshot' } },
    { type: 'computer_call_output', call_id: 'c4', output: { image_url: 'data:image/png;base64,AA' } },
    { type: 'tool_search_call', call_id: 'c5', arguments: { q: 1 } },
    { type: 'tool_search_output', call_id: 'c5', tools: [{ type: 'function', name: 'h' }] },
    { type: 'program', id: 'p', call_id: 'c6', code: 'x' },
    { type: 'program_output', call_id: 'c6', result: 'r' },
    { type: 'compaction', encrypted_content: 'dynamo1c.aGk=' },
    { type: 'compaction_trigger' },
  ],
};

const MESSAGE = {
  type: 'response.create',
  model: 'test-model',
  store: false,
  generate: false,
  instructions: 'sys',
  previous_response_id: null,
  input: [{ role: 'user', content: 'hi' }],
  tools: [{ type: 'function', name: 'f', parameters: { type: 'object' } }],
  tool_choice: { type: 'function', name: 'f' },
};

describe('an item', () => {
  it.each([
    ['a response', responsesDialect],
    ['a compaction', compactDialect],
  ])('of %s gives a request an engine can be sent, or an error a client can read', (_, dialect) => {
    const context = { requestId: 'r', headers: {}, warn: () => {} };
    expect(() => dialect.decode(BODY, context)).not.toThrow();
    fc.assert(
      fc.property(mutationsOf(BODY), (body) => {
        try {
          JSON.stringify(engineBody(dialect.decode(body, context)).body);
        } catch (error) {
          expect(error).toBeInstanceOf(DynamoError);
          expect((error as DynamoError).status).toBe(400);
        }
      }),
      { numRuns: Number(process.env['DYNAMO_FUZZ'] ?? 3_000) },
    );
  });
});

describe('a message', () => {
  let gateway: TestGateway;
  let socket: TestSocket;

  beforeAll(async () => {
    gateway = await startGateway();
    socket = await TestSocket.open(gateway.url);
  });

  afterAll(async () => {
    socket.close();
    await gateway.close();
  });

  it('of any kind is answered, and the connection goes on', async () => {
    const anything = fc.oneof(mutationsOf(MESSAGE), fc.jsonValue(), fc.string());
    await fc.assert(
      fc.asyncProperty(anything, async (message) => {
        const isAcknowledged = (message as { type?: unknown } | null)?.type === 'response.processed';
        fc.pre(message !== undefined && !isAcknowledged);
        socket.send(message);
        const last = (await socket.turn()).at(-1);
        if (last?.type === 'error') expect(last['status']).toBeLessThan(500);
        else expect(last?.type).toMatch(/^response\.(completed|incomplete)$/);
      }),
      { numRuns: 400 },
    );
    expect(gateway.snapshot().requests).toMatchObject({ active: 0, failed: 0 });
  });
});
