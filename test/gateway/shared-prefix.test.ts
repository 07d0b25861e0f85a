/** Two Claude Code sessions with the same tools and system prompt find each other's cache. */
import { afterEach, describe, expect, it } from 'vitest';
import { startGateway, type TestGateway } from './support/harness.js';

let gateway: TestGateway;
afterEach(() => gateway.close());

describe('two sessions of one harness', () => {
  const turn = (session: string, question: string) =>
    gateway.post(
      '/v1/messages',
      {
        model: 'test-model',
        max_tokens: 20,
        system: [
          {
            type: 'text',
            text: `x-anthropic-billing-header: cc_version=2.1.240.${session}; cc_entrypoint=cli; cch=${session};`,
          },
          { type: 'text', text: 'You are Claude Code. '.repeat(60), cache_control: { type: 'ephemeral' } },
        ],
        tools: [{ name: 'Bash', description: 'Runs a command', input_schema: { type: 'object' } }],
        messages: [{ role: 'user', content: question }],
      },
      { 'x-claude-code-session-id': session, 'user-agent': 'claude-cli/2.1.240' },
    );

  it('share the prefix of tools and system prompt', async () => {
    gateway = await startGateway();
    await (await turn('aaa', 'first question')).json();
    const second = await turn('bbb', 'another one');
    await second.json();
    const routed = gateway.of('request.routed');
    expect(Number(second.headers.get('x-dynamo-predicted-tokens'))).toBeGreaterThan(
      (routed[1]?.promptTokens ?? Infinity) * 0.8,
    );
    expect(gateway.of('request.started').map(({ session }) => session)).toEqual(['aaa', 'bbb']);
    expect(JSON.stringify(gateway.engines[0]?.bodies)).not.toContain('billing');
  });
});
