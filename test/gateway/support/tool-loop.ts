/** A job of two rounds: two calls at once, then an answer. */
import type { Body, Script } from './scripted-engine.js';

const TEMPERATURES: Record<string, number> = { Paris: 12, Rome: 21 };

export const weatherOf = (city: string): string => `${city}: ${TEMPERATURES[city] ?? '?'}`;

/** One pixel. */
export const PNG =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

const call = (index: number, id: string, args: string): Body => ({
  tool_calls: [{ index, id, type: 'function', function: { name: 'get_weather', arguments: args } }],
});

/** Calls `get_weather` for Paris and Rome; once results are there, compares them. */
export const callsThenText: Script = ({ body, delta, done, say }) => {
  const messages = body['messages'] as Body[];
  if (messages.some(({ role }) => role === 'tool')) {
    say('Rome is ', 'warmer.');
    return;
  }
  delta({ role: 'assistant', content: '' });
  delta(call(0, 'call_a', '{"city": '));
  delta({ tool_calls: [{ index: 0, function: { arguments: '"Paris"}' } }] });
  delta(call(1, 'call_b', '{"city": "Rome"}'));
  delta({}, 'tool_calls');
  done();
};
