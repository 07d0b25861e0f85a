/** What the engine must be sent. */
import { USAGE } from '../../gateway/support/scripted-engine.js';
import { type Behaviour, tools } from './behaviour.js';

export const REQUESTS: Behaviour[] = [
  {
    name: 'system prompt and turns, sent to the engine as they are',
    ask: {
      system: 'Be brief.',
      turns: [
        { role: 'user', text: 'one' },
        { role: 'assistant', text: 'two' },
        { role: 'user', text: 'three' },
      ],
    },
    script: ({ say }) => say('ok'),
    expected: { text: 'ok' },
    sent: {
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'one' },
        { role: 'assistant', content: 'two' },
        { role: 'user', content: 'three' },
      ],
    },
  },
  {
    name: 'a system message in the middle, which stays where it is',
    ask: {
      system: 'Be brief.',
      turns: [
        { role: 'user', text: 'one' },
        { role: 'system', text: '900 tokens left' },
        { role: 'user', text: 'two' },
      ],
    },
    script: ({ say }) => say('ok'),
    expected: { text: 'ok' },
    sent: {
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'one' },
        { role: 'user', content: '900 tokens left' },
        { role: 'user', content: 'two' },
      ],
    },
  },
  {
    name: 'thinking, calls and results of earlier turns',
    ask: {
      tools,
      turns: [
        { role: 'user', text: 'weather?' },
        {
          role: 'assistant',
          thinking: 'hm',
          text: 'Looking.',
          calls: [
            { id: 'a', name: 'get_weather', args: '{"city":"Paris"}' },
            { id: 'b', name: 'get_weather', args: '{"city":"Rome"}' },
          ],
        },
        { role: 'tool', id: 'a', text: 'sun' },
        { role: 'tool', id: 'b', text: 'rain' },
        { role: 'user', text: 'thanks' },
      ],
    },
    script: ({ say }) => say('ok'),
    expected: { text: 'ok' },
    sent: {
      messages: [
        { role: 'user', content: 'weather?' },
        {
          role: 'assistant',
          content: 'Looking.',
          reasoning_content: 'hm',
          tool_calls: [
            { id: 'a', type: 'function', function: { name: 'get_weather', arguments: '{"city":"Paris"}' } },
            { id: 'b', type: 'function', function: { name: 'get_weather', arguments: '{"city":"Rome"}' } },
          ],
        },
        { role: 'tool', tool_call_id: 'a', content: 'sun' },
        { role: 'tool', tool_call_id: 'b', content: 'rain' },
        { role: 'user', content: 'thanks' },
      ],
      tools: [{ type: 'function', function: { name: 'get_weather', parameters: tools[0]!.schema } }],
    },
  },
  {
    name: 'stop strings',
    ask: { stop: ['END'] },
    script: ({ chunk, delta, done }) => {
      delta({ content: 'x' });
      chunk({ id: 'c', choices: [{ index: 0, delta: {}, finish_reason: 'stop', stop_reason: 'END' }] });
      done(USAGE);
    },
    expected: { text: 'x', end: 'stop' },
    sent: { stop: ['END'] },
  },
];
