/** One thing every dialect must do, and the words in which engines are scripted. */
import type { Script } from '../../gateway/support/scripted-engine.js';
import type { Ask, Told } from '../dialect-drivers.js';

export interface Behaviour {
  name: string;
  script: Script;
  ask?: Partial<Ask>;
  expected: Partial<Told> | ((told: Told) => void);
  /** What the engine must have been sent. */
  sent?: Record<string, unknown>;
}

export const tools = [
  {
    name: 'get_weather',
    schema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
];
export const talk =
  (...deltas: Record<string, unknown>[]): Script =>
  ({ delta, done }) => {
    for (const each of deltas) delta(each);
    delta({}, 'stop');
    done();
  };
export const call = (index: number, id: string, args: string) => ({
  tool_calls: [{ index, id, type: 'function', function: { name: 'get_weather', arguments: args } }],
});
export const more = (index: number, args: string) => ({
  tool_calls: [{ index, function: { arguments: args } }],
});
export const paris = { id: 'call_a', name: 'get_weather', args: { city: 'Paris' } };
export const rome = { id: 'call_b', name: 'get_weather', args: { city: 'Rome' } };

export const rawGlm = (city: string): string =>
  `<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>${city}</arg_value>\n</tool_call>`;
export const inPieces = (text: string, length: number): { content: string }[] =>
  Array.from({ length: Math.ceil(text.length / length) }, (_, at) => ({
    content: text.slice(at * length, (at + 1) * length),
  }));
