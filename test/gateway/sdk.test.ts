/** The official clients, unchanged, against the gateway in front of a scripted engine. */
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startGateway, type TestGateway } from './support/harness.js';
import { type Exchange, replay } from './support/scripted-engine.js';

let gateway: TestGateway;
let openai: OpenAI;
let anthropic: Anthropic;

const model = 'test-model';
const messages = [{ role: 'user' as const, content: 'What is the capital of France?' }];
const weather = {
  type: 'object' as const,
  properties: { city: { type: 'string' as const } },
  required: ['city'],
};

beforeEach(async () => {
  gateway = await startGateway({ scripts: [replay('chat-cache-hit-stream')] });
  openai = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: 'none', maxRetries: 0 });
  anthropic = new Anthropic({ baseURL: gateway.url, apiKey: 'none', maxRetries: 0 });
});

afterEach(() => gateway.close());

const script = (answer: (exchange: Exchange) => void) => {
  gateway.engines[0]!.script = answer;
};

const thinkThenTalk = ({ delta, done }: Exchange) => {
  delta({ role: 'assistant', content: '' });
  delta({ reasoning: 'Let me ' });
  delta({ reasoning: 'think.' });
  delta({ content: 'Paris.' });
  delta({}, 'stop');
  done();
};

const twoCalls = ({ delta, done }: Exchange) => {
  delta({ role: 'assistant', content: '' });
  delta({ tool_calls: [call(0, 'call_a', 'get_weather', '{"city": "Paris"}')] });
  delta({ tool_calls: [call(1, 'call_b', 'get_weather', '{"city": ')] });
  delta({ tool_calls: [{ index: 1, function: { arguments: '"Rome"}' } }] });
  delta({}, 'tool_calls');
  done();
};

const call = (index: number, id: string, name: string, args: string) => ({
  index,
  id,
  type: 'function',
  function: { name, arguments: args },
});

describe('openai chat', () => {
  it('completes, with the cached tokens the engine reported', async () => {
    const answer = await openai.chat.completions.create({ model, messages });
    expect(answer.choices[0]?.message.content).toBe('The capital of France is Paris.');
    expect(answer.choices[0]?.finish_reason).toBe('stop');
    expect(answer.usage).toMatchObject({
      prompt_tokens: 457,
      completion_tokens: 8,
      prompt_tokens_details: { cached_tokens: 384 },
    });
  });

  it('streams through the accumulator, usage last', async () => {
    const stream = openai.chat.completions.stream({
      model,
      messages,
      stream_options: { include_usage: true },
    });
    const final = await stream.finalChatCompletion();
    expect(final.choices[0]?.message.content).toBe('The capital of France is Paris.');
    expect(final.usage?.prompt_tokens_details?.cached_tokens).toBe(384);
  });

  it('streams parallel tool calls', async () => {
    script(twoCalls);
    const tools = [{ type: 'function' as const, function: { name: 'get_weather', parameters: weather } }];
    const final = await openai.chat.completions.stream({ model, messages, tools }).finalChatCompletion();
    const calls = final.choices[0]?.message.tool_calls ?? [];
    expect(final.choices[0]?.finish_reason).toBe('tool_calls');
    expect(calls.map((each) => each.type === 'function' && each.function.arguments)).toEqual([
      '{"city": "Paris"}',
      '{"city": "Rome"}',
    ]);
  });

  it('replays a forced tool call of vLLM', async () => {
    script(replay('chat-tools-required-stream'));
    const tools = [{ type: 'function' as const, function: { name: 'get_weather', parameters: weather } }];
    const answer = await openai.chat.completions.create({ model, messages, tools, tool_choice: 'required' });
    const [made] = answer.choices[0]?.message.tool_calls ?? [];
    expect(made?.type === 'function' && made.function.name).toBe('get_weather');
    expect(gateway.engines[0]?.bodies[0]).toMatchObject({ tool_choice: 'required', stream: true });
  });

  it('completes text and token ids', async () => {
    script(replay('completion-token-ids-stream'));
    const answer = await openai.completions.create({ model, prompt: [504, 3575, 282], max_tokens: 8 });
    expect(answer.choices[0]?.text).toContain('Paris');
    expect(gateway.engines[0]?.bodies[0]?.['prompt']).toEqual([504, 3575, 282]);
  });
});

describe('anthropic', () => {
  it('creates a message that tells cached from computed tokens', async () => {
    const message = await anthropic.messages.create({ model, max_tokens: 50, messages });
    expect(message.content).toEqual([{ type: 'text', text: 'The capital of France is Paris.' }]);
    expect(message.stop_reason).toBe('end_turn');
    expect(message.usage).toMatchObject({ input_tokens: 73, cache_read_input_tokens: 384, output_tokens: 8 });
  });

  it('streams text through the accumulator', async () => {
    const stream = anthropic.messages.stream({ model, max_tokens: 50, messages });
    const kinds: string[] = [];
    stream.on('streamEvent', (event) => kinds.push(event.type));
    const message = await stream.finalMessage();
    expect(message.content[0]).toMatchObject({ type: 'text', text: 'The capital of France is Paris.' });
    expect(message.usage.cache_read_input_tokens).toBe(384);
    expect(kinds[0]).toBe('message_start');
    expect(kinds.slice(-3)).toEqual(['content_block_stop', 'message_delta', 'message_stop']);
  });

  it('streams thinking with a signature, then text', async () => {
    script(thinkThenTalk);
    const message = await anthropic.messages
      .stream({ model, max_tokens: 50, messages, thinking: { type: 'enabled', budget_tokens: 1024 } })
      .finalMessage();
    expect(message.content).toMatchObject([
      { type: 'thinking', thinking: 'Let me think.', signature: expect.stringMatching(/.+/) },
      { type: 'text', text: 'Paris.' },
    ]);
  });

  it('streams parallel tool calls as blocks of their own', async () => {
    script(twoCalls);
    const message = await anthropic.messages
      .stream({ model, max_tokens: 50, messages, tools: [{ name: 'get_weather', input_schema: weather }] })
      .finalMessage();
    expect(message.stop_reason).toBe('tool_use');
    expect(message.content).toMatchObject([
      { type: 'tool_use', id: 'call_a', input: { city: 'Paris' } },
      { type: 'tool_use', id: 'call_b', input: { city: 'Rome' } },
    ]);
  });

  it('counts tokens', async () => {
    const { input_tokens } = await anthropic.messages.countTokens({ model, messages });
    expect(input_tokens).toBeGreaterThan(5);
    expect(gateway.engines[0]?.bodies).toHaveLength(0);
  });

  it('lists the model in its own shape', async () => {
    const models = await anthropic.models.list();
    expect(models.data.map(({ id, type }) => [id, type])).toEqual([
      ['test-model', 'model'],
      ['test-alias', 'model'],
    ]);
  });
});

describe('openai responses', () => {
  it('creates a response', async () => {
    const answer = await openai.responses.create({ model, input: 'What is the capital of France?' });
    expect(answer.output_text).toBe('The capital of France is Paris.');
    expect(answer.status).toBe('completed');
    expect(answer.usage).toMatchObject({ input_tokens: 457, input_tokens_details: { cached_tokens: 384 } });
  });

  it('streams through the accumulator to the same final response', async () => {
    const stream = openai.responses.stream({ model, input: 'What is the capital of France?' });
    const types: string[] = [];
    const sequence: number[] = [];
    stream.on('event', (event) => {
      types.push(event.type);
      sequence.push((event as { sequence_number: number }).sequence_number);
    });
    const final = await stream.finalResponse();
    expect(final.output_text).toBe('The capital of France is Paris.');
    expect(types.slice(0, 4)).toEqual([
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.content_part.added',
    ]);
    expect(types.slice(-4)).toEqual([
      'response.output_text.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.completed',
    ]);
    expect(sequence).toEqual(sequence.map((_, index) => index));
  });

  it('streams function calls with the same ids in every event', async () => {
    script(twoCalls);
    const stream = openai.responses.stream({
      model,
      input: 'weather',
      tools: [{ type: 'function', name: 'get_weather', parameters: weather, strict: false }],
    });
    const ids = new Map<number, Set<string>>();
    stream.on('event', (event) => {
      if (!('output_index' in event)) return;
      const id = 'item_id' in event ? event.item_id : 'item' in event ? event.item.id : undefined;
      const known = ids.get(event.output_index) ?? new Set();
      ids.set(event.output_index, known.add(String(id)));
    });
    const final = await stream.finalResponse();
    expect(final.output).toMatchObject([
      { type: 'function_call', call_id: 'call_a', name: 'get_weather', arguments: '{"city": "Paris"}' },
      { type: 'function_call', call_id: 'call_b', arguments: '{"city": "Rome"}' },
    ]);
    expect([...ids.values()].map((set) => set.size)).toEqual([1, 1]);
    expect([...ids.values()].map((set) => [...set][0])).toEqual(final.output.map(({ id }) => id));
  });

  it('goes on from a kept response', async () => {
    const first = await openai.responses.create({ model, input: 'What is the capital of France?' });
    await openai.responses.create({ model, previous_response_id: first.id, input: 'And of Italy?' });
    expect(gateway.engines[0]?.bodies[1]?.['messages']).toEqual([
      { role: 'user', content: 'What is the capital of France?' },
      { role: 'assistant', content: 'The capital of France is Paris.' },
      { role: 'user', content: 'And of Italy?' },
    ]);
    expect((await openai.responses.retrieve(first.id)).id).toBe(first.id);
    await openai.responses.delete(first.id);
    await expect(openai.responses.retrieve(first.id)).rejects.toThrow(/404/);
  });

  it('gives reasoning as a summary and takes its encrypted form back', async () => {
    script(thinkThenTalk);
    const first = await openai.responses
      .stream({
        model,
        input: 'capital?',
        store: false,
        reasoning: { effort: 'high', summary: 'auto' },
        include: ['reasoning.encrypted_content'],
      })
      .finalResponse();
    expect(first.output[0]).toMatchObject({
      type: 'reasoning',
      summary: [{ type: 'summary_text', text: 'Let me think.' }],
    });
    await openai.responses.create({
      model,
      input: [...(first.output as OpenAI.Responses.ResponseInputItem[]), { role: 'user', content: 'sure?' }],
    });
    expect(gateway.engines[0]?.bodies[1]?.['messages']).toEqual([
      { role: 'assistant', content: 'Paris.', reasoning_content: 'Let me think.' },
      { role: 'user', content: 'sure?' },
    ]);
  });

  it('carries a freeform tool as one text argument and gives it back as a custom call', async () => {
    script(({ delta, done }) => {
      delta({ tool_calls: [call(0, 'call_p', 'apply_patch', '{"input": "*** Begin')] });
      delta({ tool_calls: [{ index: 0, function: { arguments: ' Patch\\n+x"}' } }] });
      delta({}, 'tool_calls');
      done();
    });
    const final = await openai.responses
      .stream({
        model,
        input: 'patch it',
        tools: [
          {
            type: 'custom',
            name: 'apply_patch',
            description: 'Edits files',
            format: { type: 'grammar', syntax: 'lark', definition: 'start: "x"' },
          },
        ],
      })
      .finalResponse();
    expect(final.output[0]).toMatchObject({
      type: 'custom_tool_call',
      call_id: 'call_p',
      name: 'apply_patch',
      input: '*** Begin Patch\n+x',
    });
    const sent = gateway.engines[0]?.bodies[0]?.['tools'] as { function: { parameters: object } }[];
    expect(sent[0]?.function.parameters).toMatchObject({ required: ['input'] });
  });

  it('counts input tokens', async () => {
    const counted = await openai.responses.inputTokens.count({ model, input: 'hello there' });
    expect(counted.object).toBe('response.input_tokens');
    expect(counted.input_tokens).toBeGreaterThan(1);
  });
});
