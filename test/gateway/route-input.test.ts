/** What the router is told of a request's session. */
import { describe, expect, it } from 'vitest';
import { recognise } from '../../src/agents/recognise.js';
import { chatDialect } from '../../src/dialects/chat/chat.js';
import { routeInput } from '../../src/gateway/forward.js';
import { createPromptService } from '../../src/prompt/service.js';

async function told(headers: Record<string, string>) {
  const body = { model: 'm', messages: [{ role: 'user', content: 'hi' }] };
  const decoded = chatDialect.decode(body, { requestId: 'r', headers, warn: () => {} });
  const { request } = recognise({ headers, body, request: decoded });
  const prompt = await createPromptService({ local: null, blockTokens: 16, warn: () => {} }).prepare(request);
  return routeInput({ request, prompt });
}

describe('the router', () => {
  it('is given the session the client named', async () => {
    expect(await told({ 'x-session-id': 's1' })).toMatchObject({ sessionId: 's1' });
    expect(await told({ 'x-session-id': 's1' })).not.toHaveProperty('isFinal');
  });

  it('finds conversations that nobody named by their blocks, not by how they begin', async () => {
    expect(await told({})).not.toHaveProperty('sessionId');
  });

  it('hears that a session ends', async () => {
    const headers = { 'x-dynamo-session-id': 's1', 'x-dynamo-session-final': 'true' };
    expect(await told(headers)).toMatchObject({ sessionId: 's1', isFinal: true });
  });
});
