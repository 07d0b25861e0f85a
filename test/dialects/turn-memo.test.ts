/** Turns of messages that were decoded before must be those of messages nobody has seen. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chatDialect } from '../../src/dialects/chat/chat.js';
import { messagesDialect } from '../../src/dialects/messages/messages.js';
import type { Dialect } from '../../src/dialects/types.js';
import { engineMessages } from '../../src/request/engine-body.js';
import type { Message } from '../../src/request/types.js';

type Raw = Record<string, unknown>;
const text = fc.constantFrom('a', '', 'long text', 'x');
const call = { id: 'c1', type: 'function', function: { name: 'f', arguments: '{}' } };
const chatRaw: fc.Arbitrary<Raw> = fc.oneof(
  text.map((content) => ({ role: 'system', content })),
  text.map((content) => ({ role: 'developer', content: [{ type: 'text', text: content }] })),
  text.map((content) => ({ role: 'user', content })),
  text.map((content) => ({ role: 'assistant', content })),
  text.map((content) => ({ role: 'assistant', content, tool_calls: [call] })),
  text.map((content) => ({ role: 'tool', tool_call_id: 'c1', content })),
  text.map((content) => ({ role: 'tool', tool_call_id: 'c2', content })),
);
const messagesRaw: fc.Arbitrary<Raw> = fc.oneof(
  text.map((content) => ({ role: 'system', content })),
  text.map((content) => ({ role: 'user', content })),
  text.map((content) => ({
    role: 'assistant',
    content: [{ type: 'thinking', thinking: content, signature: 's' }],
  })),
  text.map((content) => ({ role: 'user', content: [{ type: 'tool_result', tool_use_id: 't', content }] })),
);

const turnsOf = (dialect: Dialect, body: Raw): Message[] => {
  const context = { requestId: 'r', headers: {}, warn: () => {} };
  const { input } = dialect.decode(body, context);
  return input.kind === 'chat' ? input.messages : [];
};
const copy = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

describe.each([
  ['chat', chatDialect, chatRaw],
  ['messages', messagesDialect, messagesRaw],
] as const)('turns of %s', (name, dialect, raw) => {
  const edit = fc.record({
    how: fc.constantFrom('add', 'add', 'add', 'cut', 'change', 'head'),
    more: fc.array(raw, { minLength: 1, maxLength: 4 }),
    at: fc.nat(20),
  });

  it('of any conversation that goes on, goes back or changes', () => {
    let shared = 0;
    fc.assert(
      fc.property(
        fc.array(raw, { minLength: 1, maxLength: 6 }),
        fc.array(edit, { maxLength: 6 }),
        (first, edits) => {
          let list = first;
          let head: Raw = {};
          let before: Message[] = [];
          for (const { how, more, at } of [{ how: 'none', more: [], at: 0 }, ...edits]) {
            if (how === 'add') list = [...list, ...more];
            if (how === 'cut') list = list.slice(0, 1 + (at % list.length));
            if (how === 'change')
              list = list.map((one, index) => (index === at % list.length ? (more[0] as Raw) : one));
            if (how === 'head')
              head = head['system'] === undefined && name === 'messages' ? { system: 'be' } : {};
            const body = { model: 'm', max_tokens: 1, ...head, messages: list };
            const turns = turnsOf(dialect, body);
            expect(turns).toEqual(turnsOf(dialect, copy(body)));
            expect(engineMessages(turns)).toEqual(engineMessages(copy(turns)));
            shared += turns.filter((turn) => before.includes(turn)).length;
            before = turns;
          }
        },
      ),
      { numRuns: 1_500 },
    );
    expect(shared).toBeGreaterThan(1_000);
  });
});
