import { describe, expect, it } from 'vitest';
import type { Block, CommonRequest, Message } from '../../src/request/types.js';
import { isNextTurnCertain, mayWarmNextTurn, nextTurn } from '../../src/retention/next-turn.js';

const user: Message = { role: 'user', blocks: [{ type: 'text', text: 'hello' }] };
const call: Block = { type: 'tool_use', id: 'c1', name: 'read', arguments: '{}' };

function request(over: Record<string, unknown> = {}): CommonRequest {
  return {
    input: { kind: 'chat', messages: [user] },
    tools: [{ name: 'read', parameters: {} }],
    n: 1,
    hints: { speculativePrefill: false },
    session: { id: 's', isFinal: false, harness: 'codex', role: 'main' },
    ...over,
  } as unknown as CommonRequest;
}
const session = (over: Record<string, unknown>) => ({
  id: 's',
  isFinal: false,
  harness: 'codex',
  role: 'main',
  ...over,
});
const turns = (next: CommonRequest | null) => (next?.input.kind === 'chat' ? next.input.messages : []);

describe('a next turn', () => {
  it('is certain while the model waits for a tool, in a session that goes on', () => {
    expect(isNextTurnCertain(request(), 'tool_use')).toBe(true);
    expect(isNextTurnCertain(request(), 'stop')).toBe(false);
    expect(isNextTurnCertain(request({ session: session({ isFinal: true }) }), 'tool_use')).toBe(false);
    expect(isNextTurnCertain(request({ session: session({ role: 'title' }) }), 'tool_use')).toBe(false);
    expect(isNextTurnCertain(request({ session: undefined }), 'tool_use')).toBe(false);
  });

  it('can only be prepared for one answer to a chat, with tools or the hint', () => {
    expect(mayWarmNextTurn(request())).toBe(true);
    expect(mayWarmNextTurn(request({ tools: [] }))).toBe(false);
    expect(mayWarmNextTurn(request({ tools: [], hints: { speculativePrefill: true } }))).toBe(true);
    expect(mayWarmNextTurn(request({ n: 2 }))).toBe(false);
    expect(mayWarmNextTurn(request({ input: { kind: 'text', text: 'x' } }))).toBe(false);
  });

  it('begins with the conversation and its answer', () => {
    const answer: Block[] = [{ type: 'text', text: 'let me see' }, call];
    expect(turns(nextTurn(request(), answer))).toEqual([user, { role: 'assistant', blocks: answer }]);
    expect(nextTurn(request(), [])).toBeNull();
  });

  it('with reasoning has a turn after it, because templates look at what comes next', () => {
    const thinking: Block = { type: 'thinking', text: 'hm' };
    expect(turns(nextTurn(request(), [thinking, call])).at(-1)).toEqual({
      role: 'user',
      blocks: [
        { type: 'tool_result', toolUseId: 'c1', content: [{ type: 'text', text: '.' }], isError: false },
      ],
    });
    expect(turns(nextTurn(request(), [thinking, { type: 'text', text: 'done' }])).at(-1)).toEqual({
      role: 'user',
      blocks: [{ type: 'text', text: '.' }],
    });
  });
});
