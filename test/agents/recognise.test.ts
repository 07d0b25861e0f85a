/** Who sent a request: session, parent, harness and role from headers, bodies and content. */
import type { IncomingHttpHeaders } from 'node:http';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { recognise } from '../../src/agents/recognise.js';
import { chatDialect } from '../../src/dialects/chat/chat.js';
import { messagesDialect } from '../../src/dialects/messages/messages.js';
import type { CommonRequest } from '../../src/request/types.js';

const BILLING = 'x-anthropic-billing-header: cc_version=2.1.240.abc; cc_entrypoint=cli; cch=1f2e3;';

function look(headers: IncomingHttpHeaders, body: Record<string, unknown> = {}) {
  const whole = { model: 'm', max_tokens: 5, messages: [{ role: 'user', content: 'hi' }], ...body };
  const request = messagesDialect.decode(whole, { requestId: 'r', headers, warn: () => {} });
  return recognise({ headers, body: whole, request });
}

describe('a session', () => {
  it.each<[string, IncomingHttpHeaders, Record<string, unknown>, object]>([
    [
      'the canonical header, above all others',
      { 'x-dynamo-session-id': 'own', 'x-claude-code-session-id': 'cc', 'x-dynamo-session-final': 'true' },
      {},
      { id: 'own', isFinal: true, harness: 'claude-code' },
    ],
    [
      'Claude Code',
      { 'x-claude-code-session-id': 'cc' },
      {},
      { id: 'cc', harness: 'claude-code', role: 'main' },
    ],
    [
      'a Claude Code sub-agent',
      { 'x-claude-code-session-id': 'cc', 'x-claude-code-agent-id': 'a1' },
      {},
      { id: 'a1', parentId: 'cc', role: 'subagent' },
    ],
    [
      'a sub-agent of a sub-agent',
      {
        'x-claude-code-session-id': 'cc',
        'x-claude-code-agent-id': 'a2',
        'x-claude-code-parent-agent-id': 'a1',
      },
      {},
      { id: 'a2', parentId: 'a1', role: 'subagent' },
    ],
    [
      'Claude Code before it had headers',
      { 'user-agent': 'claude-cli/2.1.50 (external, cli)' },
      { metadata: { user_id: 'user_abc_account__session_11-22' } },
      { id: '11-22', harness: 'claude-code' },
    ],
    ['new Codex', { 'thread-id': 't1', originator: 'codex_cli_rs' }, {}, { id: 't1', harness: 'codex' }],
    ['old Codex', { session_id: 's1', 'user-agent': 'codex_cli_rs/0.4' }, {}, { id: 's1', harness: 'codex' }],
    [
      'Codex compaction',
      { 'thread-id': 't1', 'x-codex-turn-metadata': '{"request_kind":"compaction"}' },
      {},
      { id: 't1', role: 'compact' },
    ],
    [
      'a Codex review',
      { 'thread-id': 't2', 'x-openai-subagent': 'review', 'x-codex-parent-thread-id': 't1' },
      {},
      { id: 't2', parentId: 't1', role: 'subagent' },
    ],
    ['opencode', { 'x-session-id': 'ses_1' }, {}, { id: 'ses_1', harness: 'opencode' }],
    [
      'an opencode sub-agent',
      { 'x-opencode-session': 'ses_2', 'x-parent-session-id': 'ses_1' },
      {},
      { id: 'ses_2', parentId: 'ses_1', role: 'subagent' },
    ],
    ['Pi', { 'x-affinity': 'p1', session_id: 'p2' }, {}, { id: 'p2', harness: 'pi' }],
    ['any client by its affinity', { 'x-session-affinity': 'x1' }, {}, { id: 'x1', harness: 'unknown' }],
    ['any client by its cache key', {}, { prompt_cache_key: 'k1' }, { id: 'k1', harness: 'unknown' }],
  ])('is named by %s', (_who, headers, body, expected) => {
    expect(look(headers, body).request.session).toMatchObject(expected);
  });

  it('stays unnamed when nothing names it', () => {
    expect(look({}).request.session).toBeUndefined();
    expect(look({ 'x-session-id': `a${'b'.repeat(300)}` }).request.session).toBeUndefined();
    expect(look({ 'x-session-id': 'two words' }).request.session).toBeUndefined();
  });

  it('is read from any headers without failing', () => {
    const name = fc.constantFrom(
      'x-claude-code-session-id',
      'x-claude-code-agent-id',
      'thread-id',
      'session_id',
      'x-codex-turn-metadata',
      'x-session-id',
      'user-agent',
      'x-dynamo-session-id',
      'originator',
    );
    fc.assert(
      fc.property(fc.dictionary(name, fc.string()), fc.jsonValue(), (headers, metadata) => {
        const { session } = look(headers, { metadata }).request;
        if (session !== undefined) expect(session.id).toMatch(/^[\x21-\x7e]{1,256}$/);
      }),
    );
  });
});

describe('priority', () => {
  const title = {
    system: 'Generate a concise title for this conversation.',
    messages: [{ role: 'user', content: 'x' }],
  };

  it('of a main thread is above a sub-agent’s, which is above a title’s', () => {
    const main = look({ 'x-claude-code-session-id': 'cc' });
    const sub = look({ 'x-claude-code-session-id': 'cc', 'x-claude-code-agent-id': 'a1' });
    const background = look({ 'x-claude-code-session-id': 'cc' }, title);
    expect(background.role).toBe('title');
    const [a, b, c] = [main, sub, background].map(({ request }) => request.hints.priority);
    expect(a).toBeGreaterThan(b as number);
    expect(b).toBeGreaterThan(c as number);
  });

  it('given by the client is kept', () => {
    const headers = { 'x-claude-code-session-id': 'cc', 'x-claude-code-agent-id': 'a1' };
    const nvext = { agent_hints: { priority: 7 } };
    expect(look(headers, { nvext }).request.hints.priority).toBe(7);
    const zero = look({ ...headers, 'x-dynamo-request-priority': '0' }, { nvext });
    expect(zero.request.hints.priority).toBe(0);
  });
});

describe('the billing block', () => {
  const system = (cch: string) => [
    { type: 'text', text: BILLING.replace('1f2e3', cch) },
    { type: 'text', text: 'You are Claude Code.', cache_control: { type: 'ephemeral' } },
  ];

  it('is taken out, so that two sessions start with the same text', () => {
    const [one, two] = ['aaa', 'bbb'].map((cch) => look({}, { system: system(cch) }).request.input);
    expect(one).toEqual(two);
    expect(one).toMatchObject({
      messages: [
        { role: 'system', blocks: [{ type: 'text', text: 'You are Claude Code.' }] },
        { role: 'user' },
      ],
    });
  });

  it('on its own leaves no empty system turn', () => {
    const { input } = look({}, { system: BILLING }).request;
    expect(input.kind === 'chat' && input.messages.map(({ role }) => role)).toEqual(['user']);
  });

  it('before other text in one block loses only its line', () => {
    const { input } = look({}, { system: `${BILLING}\n\nYou are Claude Code.` }).request;
    expect(input.kind === 'chat' && input.messages[0]?.blocks).toEqual([
      { type: 'text', text: 'You are Claude Code.' },
    ]);
  });

  it('is left alone where a user quotes it', () => {
    const messages = [{ role: 'user', content: BILLING }];
    const { input } = look({}, { messages }).request;
    expect(input.kind === 'chat' && input.messages[0]?.blocks).toMatchObject([{ text: BILLING }]);
  });

  it('does not touch a request without messages', () => {
    const body = { model: 'm', prompt: BILLING };
    const request: CommonRequest = {
      ...chatDialect.decode({ model: 'm', messages: [{ role: 'user', content: 'x' }] }, context()),
      input: { kind: 'text', text: BILLING },
    };
    expect(recognise({ headers: {}, body, request }).request.input).toEqual({ kind: 'text', text: BILLING });
  });
});

function context() {
  return { requestId: 'r', headers: {}, warn: () => {} };
}
