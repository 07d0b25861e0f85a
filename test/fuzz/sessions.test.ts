/** Session headers and the fields beside them, of every spelling, with anything in them: a usable name or none, never a throw. */
import { describe, expect, it } from 'vitest';
import { recognise } from '../../src/agents/recognise.js';
import { chatDialect } from '../../src/dialects/chat/chat.js';
import { bodyFields } from '../../src/dialects/fields.js';
import { LIMITS } from '../../src/limits.js';
import { CASES, everyCase } from './support/cases.js';

const HEADERS = [
  'x-dynamo-session-id',
  'x-dynamo-parent-session-id',
  'x-dynamo-session-final',
  'x-claude-code-session-id',
  'x-claude-code-agent-id',
  'x-claude-code-parent-agent-id',
  'session-id',
  'session_id',
  'thread-id',
  'conversation-id',
  'x-session-id',
  'x-parent-session-id',
  'x-session-affinity',
  'x-affinity',
  'x-litellm-session-id',
  'x-deepseek-harness-session-id',
  'x-deepseek-harness-compact',
  'x-codex-turn-metadata',
  'x-codex-window-id',
  'x-openai-subagent',
  'x-opencode-session',
  'x-opencode-request',
  'user-agent',
  'originator',
  'x-tenant-id',
  'x-dynamo-request-priority',
];
const VALUES = [
  '',
  ' ',
  'abc',
  'a'.repeat(257),
  'a'.repeat(256),
  '../../x',
  '{"session_id":"s","turn_id":"t"}',
  '{"session_id":{"a":1}}',
  '{"thread_source":"subagent","parent_thread_id":[]}',
  '{',
  'null',
  '[]',
  '1',
  'true',
  'claude-cli/2.1.0 (external, cli)',
  'codex_cli_rs/0.144',
  'opencode/1.2',
  'pi/0.9',
  'user_x_account_y_session_z',
  '{"device_id":"d","session_id":"s"}',
  '\u00e9',
  '__proto__',
  'constructor',
  'a\tb',
  'x,y',
  '99999999999999999999',
  '-1',
  'NaN',
];
const BODY_FIELDS = [
  'user',
  'safety_identifier',
  'prompt_cache_key',
  'metadata',
  'client_metadata',
  'session_id',
];
const BODY_VALUES: unknown[] = [
  ...VALUES,
  null,
  1,
  [],
  {},
  { user_id: 'user_x_session_1' },
  { user_id: '{"session_id":"s"}' },
  { user_id: 5 },
  { session_id: [] },
  { 'x-codex-turn-metadata': '{' },
];

describe('a sender', () => {
  it('is known or not, whatever it says of itself', async () => {
    let named = 0;
    await everyCase(
      (mutator) => {
        const headers: Record<string, string> = {};
        for (let count = mutator.next(6); count > 0; count -= 1)
          headers[mutator.of(HEADERS)] =
            mutator.next(10) === 0 ? `${mutator.of(VALUES)}, ${mutator.of(VALUES)}` : mutator.of(VALUES);
        const body: Record<string, unknown> = {
          model: 'm',
          messages: [{ role: 'user', content: mutator.of(['hi', '', 'Write a title', '<session>']) }],
        };
        for (let count = mutator.next(3); count > 0; count -= 1)
          body[mutator.of(BODY_FIELDS)] = mutator.of(BODY_VALUES);
        return { headers, body };
      },
      ({ headers, body }) => {
        const text = JSON.parse(JSON.stringify(body)) as Record<string, unknown>;
        let request: ReturnType<typeof chatDialect.decode>;
        try {
          request = chatDialect.decode(text, { requestId: 'r', headers, warn: () => {} });
        } catch (error) {
          // A field of the wrong kind is the client's mistake, not the session's.
          expect(error).toMatchObject({ status: 400 });
          return;
        }
        const known = recognise({ headers, body: bodyFields(text), request });
        expect(['main', 'subagent', 'title', 'compact']).toContain(known.role);
        const { session, hints } = known.request;
        expect(Number.isFinite(hints.priority)).toBe(true);
        if (session === undefined) return;
        named += 1;
        for (const id of [session.id, session.parentId].filter((value) => value !== undefined)) {
          expect(Buffer.byteLength(id)).toBeLessThanOrEqual(LIMITS.sessionIdBytes);
          expect(id).toMatch(/^[\x21-\x7e]+$/);
        }
      },
    );
    expect(named).toBeGreaterThan(CASES / 4);
    expect(Object.keys(Object.prototype)).toEqual([]);
  });
});
