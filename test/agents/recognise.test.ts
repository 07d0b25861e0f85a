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

/** As Codex 0.169 writes it into the body. */
const codexTurn = (turn: object) => ({
  client_metadata: { 'x-codex-turn-metadata': JSON.stringify(turn) },
});

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
    [
      'a Codex agent of a kind nobody knows',
      { 'thread-id': 't2', originator: 'codex_exec', 'x-openai-subagent': 'constructor' },
      {},
      { id: 't2', role: 'subagent' },
    ],
    [
      'Codex over a WebSocket, whose headers are of its first turn',
      { 'thread-id': 't1', originator: 'codex_exec', 'x-codex-turn-metadata': '{"request_kind":"turn"}' },
      codexTurn({ request_kind: 'compaction', thread_id: 't1', thread_source: 'user' }),
      { id: 't1', role: 'compact', harness: 'codex' },
    ],
    [
      'a Codex sub-agent by its turn metadata alone',
      { 'user-agent': 'codex_exec/0.169.0' },
      codexTurn({ thread_id: 't2', parent_thread_id: 't1', thread_source: 'subagent', request_kind: 'turn' }),
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
    ['any client by Conversation-Id', { 'conversation-id': 'v1' }, {}, { id: 'v1', harness: 'unknown' }],
    ['any client by LiteLLM’s header', { 'x-litellm-session-id': 'l1' }, {}, { id: 'l1' }],
    [
      'a proxy that passes Claude Code’s body on',
      { 'user-agent': 'litellm/1.80' },
      { metadata: { user_id: '{"device_id":"d","session_id":"11-22"}' } },
      { id: '11-22', harness: 'unknown' },
    ],
    ['any client by its safety identifier', {}, { safety_identifier: 's1', user: 'u1' }, { id: 's1' }],
    ['any client by its user', {}, { user: 'u1' }, { id: 'u1' }],
    [
      'a DeepSeek harness that compacts',
      { 'x-deepseek-harness-session-id': 'd1', 'x-deepseek-harness-compact': '1' },
      {},
      { id: 'd1', role: 'compact' },
    ],
    ['any client by its cache key', {}, { prompt_cache_key: 'k1' }, { id: 'k1', harness: 'unknown' }],
  ])('is named by %s', (_who, headers, body, expected) => {
    expect(look(headers, body).request.session).toMatchObject(expected);
  });

  it('is not named by what is no id, nor by a header that is new with each request', () => {
    for (const headers of [
      { 'x-session-id': `a${'b'.repeat(300)}` },
      { 'x-session-id': 'two words' },
      { 'x-client-request-id': 'r1' },
    ])
      expect(look(headers).request.session).toMatchObject({ isDerived: true });
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

describe('a conversation that nothing names', () => {
  const say = (role: string, content: string) => ({ role, content });
  const turn = (system: string, ...messages: object[]) => look({}, { system, messages }).request.session;

  it('keeps its name from turn to turn', () => {
    const first = turn('You code.', say('user', 'fix it'));
    expect(first).toMatchObject({ isDerived: true, harness: 'unknown', role: 'main' });
    const second = turn('You code.', say('user', 'fix it'), say('assistant', 'done'), say('user', 'thanks'));
    expect(second?.id).toBe(first?.id);
  });

  it('is unlike another with other words or another system prompt', () => {
    const ids = [
      turn('You code.', say('user', 'fix it')),
      turn('You code.', say('user', 'fix that')),
      turn('You write.', say('user', 'fix it')),
      turn('You code.fix', say('user', ' it')),
    ].map((session) => session?.id);
    expect(new Set(ids).size).toBe(4);
  });

  it('costs the same however long it is', () => {
    const [short, long] = ['x'.repeat(5_000), 'x'.repeat(5_000_000)].map((text) =>
      turn('You code.', say('user', text)),
    );
    // Only the beginning is looked at.
    expect(long?.id).toBe(short?.id);
  });

  it('has none when it is no conversation', () => {
    const chat = chatDialect.decode({ model: 'm', messages: [{ role: 'user', content: 'x' }] }, context());
    const request: CommonRequest = { ...chat, input: { kind: 'text', text: 'x' } };
    expect(recognise({ headers: {}, body: {}, request }).request.session).toBeUndefined();
  });
});

describe('a role by content', () => {
  const summary = (system: string, agent: string) =>
    look({ 'user-agent': agent }, { system, messages: [{ role: 'user', content: 'the conversation' }] });

  it.each([
    [
      'opencode’s compaction',
      'opencode/1.18.33',
      'You are a context summarization agent. You are given',
      'compact',
    ],
    ['opencode’s title', 'opencode/1.18.33', 'You are a title generator. You output', 'title'],
    ['Pi’s compaction', 'pi-coding-agent', 'You are a context summarization assistant. Your', 'compact'],
    [
      'Claude Code’s title',
      'claude-cli/2.1.197',
      'Generate a concise, sentence-case title (3-7 words)',
      'title',
    ],
  ])('is %s', (_what, agent, system, role) => {
    const known = summary(system, agent);
    expect(known.role).toBe(role);
    expect(known.request.hints.priority).toBe(-2);
  });

  it('is told of Claude Code’s compaction, which keeps the tools', () => {
    const ask =
      'CRITICAL: Respond with TEXT ONLY. Do NOT call any tools.\n\nYour task is to create a detailed summary of the conversation so far';
    const tools = [{ name: 'Bash', input_schema: { type: 'object' } }];
    const role = (...texts: string[]) => {
      const messages = [{ role: 'user', content: texts.map((text) => ({ type: 'text', text })) }];
      return look({ 'x-claude-code-session-id': 'cc' }, { tools, messages }).role;
    };
    expect(role('a question', ask)).toBe('compact');
    expect(role(`why does it say "${ask}"?`)).toBe('main');
  });

  it('is not told by the system prompt of a request with tools', () => {
    const tools = [{ name: 'Bash', input_schema: { type: 'object' } }];
    const system = 'You are a context summarization agent.';
    expect(look({ 'user-agent': 'opencode/1' }, { system, tools }).role).toBe('main');
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
