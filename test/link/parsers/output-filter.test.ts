import { describe, expect, it } from 'vitest';
import { createOutputFilter } from '../../../src/link/parsers/output-filter.js';
import type { StreamEvent } from '../../../src/request/types.js';

function run(events: StreamEvent[], callsMax = 9): { out: StreamEvent[]; told: string[] } {
  const told: string[] = [];
  const filter = createOutputFilter({
    format: 'glm',
    reasoning: 'tags',
    tools: new Map([['run', { properties: { command: { type: 'string' } } }]]),
    callsMax,
    requestId: 'abc',
    onEngineParses: () => told.push('parses'),
    onCaught: () => told.push('caught'),
  });
  return { out: events.flatMap(filter), told };
}

const CALL = '<tool_call>run\n<arg_key>command</arg_key><arg_value>ls</arg_value></tool_call>';
const text = (value: string): StreamEvent => ({ type: 'text', choice: 0, text: value });
const finish: StreamEvent = { type: 'finish', choice: 0, reason: 'stop' };

describe('events of an engine', () => {
  it('that answers raw become calls, and the answer ends for its tools', () => {
    const { out, told } = run([
      { type: 'start', engineId: 'e' },
      text('<think>a</think>'),
      text(CALL),
      finish,
      { type: 'done' },
    ]);
    expect(out).toEqual([
      { type: 'start', engineId: 'e' },
      { type: 'thinking', choice: 0, text: 'a' },
      { type: 'tool_start', choice: 0, index: 0, id: 'call_abc_0_0', name: 'run' },
      { type: 'tool_delta', choice: 0, index: 0, arguments: '{"command": "ls"}' },
      { type: 'finish', choice: 0, reason: 'tool_use' },
      { type: 'done' },
    ]);
    expect(told).toEqual(['caught']);
  });

  it('that parses by itself pass as they are', () => {
    const events: StreamEvent[] = [
      text('Let me see <'),
      { type: 'tool_start', choice: 0, index: 0, id: 'x', name: 'run' },
      { type: 'tool_delta', choice: 0, index: 0, arguments: '{}' },
      { type: 'finish', choice: 0, reason: 'tool_use' },
    ];
    const { out, told } = run(events);
    expect(out.filter(({ type }) => type !== 'text')).toEqual(events.slice(1));
    expect(out.map((event) => (event.type === 'text' ? event.text : '')).join('')).toBe('Let me see <');
    expect(told).toEqual(['parses']);
  });

  it('without a call keep their reason, and one call is all a client without parallel calls gets', () => {
    expect(run([text('hi'), finish]).out).toEqual([text('hi'), finish]);
    expect(run([text(CALL + CALL), finish], 1).out.filter(({ type }) => type === 'tool_start')).toHaveLength(
      1,
    );
  });
});
