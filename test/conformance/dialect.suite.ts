/**
 * One list of behaviours, held by every dialect, streamed or not. An engine is scripted in its own wire format,
 * with everything awkward that real ones were seen to do.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Plan } from '../../src/plan/types.js';
import { ParserNet } from '../../src/stack/parser-net.js';
import { startGateway, type TestGateway } from '../gateway/support/harness.js';
import { type Exchange, replay, type Script, USAGE } from '../gateway/support/scripted-engine.js';
import { type Ask, type DialectDriver, DRIVERS, type Told } from './dialect-drivers.js';

interface Behaviour {
  name: string;
  script: Script;
  ask?: Partial<Ask>;
  expected: Partial<Told> | ((told: Told) => void);
  /** What the engine must have been sent. */
  sent?: Record<string, unknown>;
}

const tools = [
  {
    name: 'get_weather',
    schema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
];
const talk =
  (...deltas: Record<string, unknown>[]): Script =>
  ({ delta, done }) => {
    for (const each of deltas) delta(each);
    delta({}, 'stop');
    done();
  };
const call = (index: number, id: string, args: string) => ({
  tool_calls: [{ index, id, type: 'function', function: { name: 'get_weather', arguments: args } }],
});
const more = (index: number, args: string) => ({ tool_calls: [{ index, function: { arguments: args } }] });
const paris = { id: 'call_a', name: 'get_weather', args: { city: 'Paris' } };
const rome = { id: 'call_b', name: 'get_weather', args: { city: 'Rome' } };

const rawGlm = (city: string): string =>
  `<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>${city}</arg_value>\n</tool_call>`;
const inPieces = (text: string, length: number): { content: string }[] =>
  Array.from({ length: Math.ceil(text.length / length) }, (_, at) => ({
    content: text.slice(at * length, (at + 1) * length),
  }));

const BEHAVIOURS: Behaviour[] = [
  {
    name: 'text in pieces, usage in a late chunk',
    script: ({ say }) => say('Hel', 'lo', ' world'),
    expected: { text: 'Hello world', end: 'stop', usage: { prompt: 20, cached: 8, output: 3 }, error: null },
  },
  {
    name: 'a recorded answer of vLLM',
    script: replay('chat-cache-hit-stream'),
    expected: {
      text: 'The capital of France is Paris.',
      usage: { prompt: 457, cached: 384, output: 8 },
      end: 'stop',
    },
  },
  {
    name: 'usage in every chunk',
    script: replay('chat-stream-continuous-usage'),
    expected: (told) => expect(told.usage?.output).toBeGreaterThan(0),
  },
  {
    name: 'text that JSON and SSE must escape',
    script: talk({ content: 'a\n\ndata: "b"\r\n' }, { content: '\u2028\u{1F600}\\' }),
    expected: { text: 'a\n\ndata: "b"\r\n\u2028\u{1F600}\\' },
  },
  {
    name: 'empty deltas',
    script: talk(
      { role: 'assistant', content: '' },
      {},
      { content: '' },
      { content: null },
      { content: 'x' },
      {},
    ),
    expected: { text: 'x', end: 'stop' },
  },
  {
    name: 'an answer without any text',
    script: talk({ role: 'assistant', content: '' }),
    expected: { text: '', calls: [], end: 'stop', error: null },
  },
  {
    name: 'reasoning before text, under either name',
    script: talk({ reasoning: 'Let me ' }, { reasoning_content: 'think.' }, { content: 'Done.' }),
    expected: { thinking: 'Let me think.', text: 'Done.', end: 'stop' },
  },
  {
    name: 'reasoning that never ends',
    script: ({ delta, done }) => {
      delta({ reasoning: 'on and on' });
      delta({}, 'length');
      done();
    },
    expected: { thinking: 'on and on', text: '', end: 'length' },
  },
  {
    name: 'an answer cut by its bound',
    script: ({ delta, done }) => {
      delta({ content: 'half' });
      delta({}, 'length');
      done();
    },
    expected: { text: 'half', end: 'length' },
  },
  {
    name: 'a tool call in pieces',
    ask: { tools },
    script: talk(call(0, 'call_a', ''), more(0, '{"ci'), more(0, 'ty": "Paris"}')),
    expected: { calls: [paris], end: 'tool' },
  },
  {
    name: 'a tool call in one piece, called a plain stop',
    ask: { tools, forceTool: 'get_weather' },
    script: talk(call(0, 'call_a', '{"city": "Paris"}')),
    expected: { calls: [paris], end: 'tool' },
    sent: { tool_choice: { type: 'function', function: { name: 'get_weather' } } },
  },
  {
    name: 'text before a tool call',
    ask: { tools },
    script: talk({ content: 'Looking.' }, call(0, 'call_a', '{"city": "Paris"}')),
    expected: { text: 'Looking.', calls: [paris], end: 'tool' },
  },
  {
    name: 'parallel calls one after another',
    ask: { tools },
    script: talk(call(0, 'call_a', '{"city": "Paris"}'), call(1, 'call_b', '{"city": "Rome"}')),
    expected: { calls: [paris, rome], end: 'tool' },
  },
  {
    name: 'parallel calls interleaved',
    ask: { tools },
    script: talk(
      call(0, 'call_a', '{"city": '),
      call(1, 'call_b', '{"city": '),
      more(0, '"Paris"}'),
      more(1, '"Rome"}'),
    ),
    expected: { calls: [paris, rome], end: 'tool' },
  },
  {
    name: 'calls as raw GLM text, in pieces',
    ask: { tools },
    script: talk(...inPieces(`Looking.\n${rawGlm('Paris')}\n${rawGlm('Rome')}`, 7)),
    expected: (told) => {
      expect(told.text.trim()).toBe('Looking.');
      expect(told.calls.map(({ name, args }) => [name, args])).toEqual([
        ['get_weather', { city: 'Paris' }],
        ['get_weather', { city: 'Rome' }],
      ]);
      expect(new Set(told.calls.map(({ id }) => id)).size).toBe(2);
      expect(told.end).toBe('tool');
    },
  },
  {
    name: 'reasoning and a call as raw GLM text, in one piece',
    ask: { tools },
    script: talk({ content: `<think>hm</think>\n${rawGlm('Paris')}` }),
    expected: (told) => {
      expect(told.thinking).toBe('hm');
      expect(told.calls.map(({ args }) => args)).toEqual([{ city: 'Paris' }]);
      expect(told.end).toBe('tool');
    },
  },
  {
    name: 'raw text that only looks like a call',
    ask: { tools },
    script: talk(
      ...inPieces('<tool_call>rm\n<arg_key>path</arg_key><arg_value>/</arg_value></tool_call>', 5),
    ),
    expected: {
      text: '<tool_call>rm\n<arg_key>path</arg_key><arg_value>/</arg_value></tool_call>',
      calls: [],
      end: 'stop',
    },
  },
  {
    name: 'reasoning, text and a call',
    ask: { tools },
    script: talk({ reasoning: 'hm' }, { content: 'so' }, call(0, 'call_a', '{"city": "Paris"}')),
    expected: { thinking: 'hm', text: 'so', calls: [paris], end: 'tool' },
  },
  {
    name: 'a refusal before the first byte, with its status',
    script: replay('error-max-tokens-too-large'),
    expected: (told) => {
      expect(told.status).toBe(400);
      expect(told.error).toMatch(/max_tokens/);
    },
  },
  {
    name: 'an engine that finds the prompt too long',
    script: replay('error-context-too-long'),
    expected: (told) => {
      expect(told.status).toBe(400);
      expect(told.error).toMatch(/prompt is too long: \d+ tokens > 2048|maximum context length is 2048/);
    },
  },
  {
    name: 'an engine that is full',
    script: ({ refuse }) => refuse(503, { error: { message: 'queue is full' } }),
    expected: { status: 529 },
  },
  {
    name: 'an engine that answers nonsense',
    script: ({ response }: Exchange) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end('data: {broken\n\n');
    },
    expected: (told) => expect(told.error).toMatch(/not JSON/),
  },
  {
    name: 'an error in the middle of the stream',
    script: ({ delta, chunk, response }) => {
      delta({ content: 'half' });
      chunk({ error: { message: 'out of memory', type: 'InternalServerError', code: 500 } });
      response.end();
    },
    expected: (told) => expect(told.error).toContain('out of memory'),
  },
  {
    name: 'a stream that just ends',
    script: ({ delta, response }) => {
      delta({ content: 'half' });
      response.end();
    },
    expected: (told) => expect(told.error).toMatch(/lost/),
  },
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

/** Runs every behaviour against every dialect. */
export function dialectSuite(): void {
  let gateway: TestGateway;
  beforeAll(async () => {
    // The net is on for every behaviour: it must do no harm to an engine that parses by itself.
    const facts = { parsers: { tools: 'glm47', reasoning: 'glm45' } } as Plan;
    const settings = { tools: 'glm', reasoning: 'auto' } as const;
    const net = new ParserNet(settings, facts, () => {});
    gateway = await startGateway({
      served: { contextTokens: 100_000 },
      outputFilter: (worker, request) => net.filter(worker, request),
    });
  });
  afterAll(() => gateway.close());

  describe.each(DRIVERS)('$name', (driver) => {
    describe.each([true, false])('streamed: %s', (isStream) => {
      it.each(BEHAVIOURS)('$name', async (behaviour) => {
        const told = await exchange(gateway, driver, behaviour, isStream);
        if (typeof behaviour.expected === 'function') behaviour.expected(told);
        else expect(told).toMatchObject(behaviour.expected);
        if (behaviour.sent !== undefined) {
          expect(gateway.engines[0]?.bodies.at(-1)).toMatchObject(behaviour.sent);
        }
        expect(gateway.snapshot().requests.active).toBe(0);
      });
    });
  });
}

async function exchange(
  gateway: TestGateway,
  driver: DialectDriver,
  behaviour: Behaviour,
  isStream: boolean,
): Promise<Told> {
  gateway.engines[0]!.script = behaviour.script;
  const body = driver.body({ turns: [{ role: 'user', text: 'hi' }], ...behaviour.ask, isStream });
  const answer = await gateway.post(driver.path, body);
  return driver.read(answer.status, await answer.text(), isStream);
}
