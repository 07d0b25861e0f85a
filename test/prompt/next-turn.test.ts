/** A next turn put together from the turn before must be what preparing it alone gives. */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { LocalModel } from '../../src/model/local-model.js';
import { LocalPrompts } from '../../src/prompt/local-prompts.js';
import { SegmentCache } from '../../src/prompt/segment-cache.js';
import { createPromptService, type SwitchablePromptService } from '../../src/prompt/service.js';
import { engineBody, engineChat } from '../../src/request/engine-body.js';
import { bodyWithChat } from '../../src/request/engine-text.js';
import type { Block, CommonRequest, Message, Tool } from '../../src/request/types.js';
import { chat, familyModel, LOOK, say, turn } from './support/requests.js';
import { FAMILIES } from './support/templates.js';

const BLOCK = 4;
/** Looks at the whole conversation from its front: adding a turn changes the start. */
const COUNTING = {
  source: `{{ '<|im_start|>' ~ messages|length ~ ' turns' }}{% for message in messages %}{{ '<|im_start|>' + message.role + ': ' + (message.content or '') + '<|im_end|>' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant' }}{% endif %}`,
  specials: ['<|im_start|>', '<|im_end|>'],
};
const models: Record<string, LocalModel> = {};
const warnings: string[] = [];
beforeAll(async () => {
  for (const [name, family] of Object.entries({ ...FAMILIES, counting: COUNTING }))
    models[name] = await familyModel(`next-${name}`, family);
});

function service(local: LocalModel | null): SwitchablePromptService {
  return createPromptService({ local, blockTokens: BLOCK, warn: (sentence) => warnings.push(sentence) });
}

const word = fc.constantFrom(
  'the',
  ' user ',
  'größe',
  '\n\n',
  '<|im_end|>',
  '<think>',
  '</think>',
  '汉',
  '😀',
  'a b',
  '<tool_response>',
  '',
);
const words = fc.array(word, { minLength: 1, maxLength: 6 }).map((parts) => parts.join(' '));
const user = words.map((text): Message[] => [say('user', text)]);
const answer = fc.record({ text: words, thinking: fc.option(words) }).map(({ text, thinking }): Message[] => {
  const thought: Block[] = thinking === null ? [] : [{ type: 'thinking', text: thinking }];
  return [turn('assistant', ...thought, { type: 'text', text })];
});
const callAndResult = fc
  .record({ n: fc.integer({ min: 1, max: 3 }), text: words, result: words, thinking: fc.option(words) })
  .map(({ n, text, result, thinking }): Message[] => {
    const ids = Array.from({ length: n }, (_, at) => `call0000${at}`);
    const thought: Block[] = thinking === null ? [] : [{ type: 'thinking', text: thinking }];
    const calls = ids.map(
      (id): Block => ({ type: 'tool_use', id, name: 'look', arguments: JSON.stringify({ word: text }) }),
    );
    const results = ids.map(
      (id): Block => ({
        type: 'tool_result',
        toolUseId: id,
        content: [{ type: 'text', text: result }],
        isError: false,
      }),
    );
    return [turn('assistant', ...thought, ...calls), turn('user', ...results)];
  });
/** One exchange: the user asks, calls follow, an answer ends it. */
const exchange = fc
  .tuple(user, fc.array(callAndResult, { maxLength: 3 }), answer)
  .map(([asked, calls, said]) => [...asked, ...calls.flat(), ...said]);
const conversation = fc
  .record({
    system: fc.option(words),
    exchanges: fc.array(exchange, { minLength: 1, maxLength: 4 }),
    last: user,
  })
  .map(({ system, exchanges, last }) => [
    ...(system === null ? [] : [say('system', system)]),
    ...exchanges.flat(),
    ...last,
  ]);

type Edit = 'append' | 'middle' | 'tools' | 'system' | 'kwargs' | 'salt' | 'shorter';
const edits = fc.array(
  fc.record({
    kind: fc.constantFrom<Edit>(
      'append',
      'append',
      'append',
      'append',
      'middle',
      'tools',
      'system',
      'kwargs',
      'salt',
      'shorter',
    ),
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    text: words,
  }),
  { minLength: 1, maxLength: 6 },
);

/** The requests of one conversation in the order they are made. */
function requests(all: Message[], steps: { kind: Edit; at: number; text: string }[]): CommonRequest[] {
  const ends = all.flatMap(({ role }, at) => (role === 'user' ? [at + 1] : []));
  let [end = 0] = ends;
  let messages = all;
  let tools: Tool[] = [LOOK];
  let extra: Record<string, unknown> = {};
  let hints: Partial<CommonRequest['hints']> = {};
  const made = (): CommonRequest => {
    const made = chat(messages.slice(0, end), tools, { extra });
    return { ...made, hints: { ...made.hints, ...hints } };
  };
  const out = [made()];
  for (const { kind, at, text } of steps) {
    if (kind === 'append') end = ends.find((next) => next > end) ?? end;
    if (kind === 'shorter') end = ends.findLast((before) => before < end) ?? end;
    if (kind === 'tools') tools = tools.length === 0 ? [LOOK] : [];
    if (kind === 'kwargs') extra = { chat_template_kwargs: { enable_thinking: at < 0.5, custom: text } };
    if (kind === 'salt') hints = { cacheSalt: text };
    if (kind === 'system' && messages[0]?.role === 'system')
      messages = [say('system', text), ...messages.slice(1)];
    if (kind === 'middle') {
      const index = Math.floor(at * (end - 1));
      const { role, blocks } = messages[index] as Message;
      if (blocks.every(({ type }) => type === 'text')) messages = messages.with(index, say(role, text));
    }
    out.push(made());
  }
  return out;
}

async function prepared(prompts: SwitchablePromptService, request: CommonRequest) {
  try {
    const { tokens, localHashes, source, regions, chat: text } = await prompts.prepare(request);
    return {
      tokens,
      localHashes,
      source,
      regions,
      body: text && JSON.parse(Buffer.concat(bodyWithChat({ a: 1 }, text)).toString()),
    };
  } catch (error) {
    return { error: (error as Error).message };
  }
}

describe.each([...Object.keys({ ...FAMILIES, counting: COUNTING }), 'text'])('next turns of %s', (name) => {
  it('have the tokens, hashes, regions and body of the whole', { timeout: 60_000 }, async () => {
    const local = name === 'text' ? null : (models[name] as LocalModel);
    await fc.assert(
      fc.asyncProperty(conversation, edits, async (all, steps) => {
        const going = service(local);
        warnings.length = 0;
        for (const request of requests(all, steps)) {
          const made = await prepared(going, request);
          expect(made).toEqual(await prepared(service(local), request));
          if ('error' in made) continue;
          const { body } = engineBody(request);
          expect(made.body).toEqual({
            a: 1,
            messages: body['messages'],
            ...('tools' in body ? { tools: body['tools'] } : {}),
          });
        }
        await new Promise(setImmediate);
        expect(warnings).toEqual([]);
      }),
      { numRuns: 40 },
    );
  });
});

describe('what is put together', () => {
  const loop = [
    say('system', 'Be kind.'),
    say('user', 'the user'),
    turn('assistant', { type: 'tool_use', id: 'call00001', name: 'look', arguments: '{}' }),
    turn('user', { type: 'tool_result', toolUseId: 'call00001', content: [], isError: false }),
  ];
  const steps = (name: string, messages: Message[]): number | null => {
    const model = models[name] as LocalModel;
    const prompts = new LocalPrompts(model, new SegmentCache(model.tokenizer, 1 << 20));
    const early = engineChat(chat(messages.slice(0, 2), [LOOK]));
    return (
      prompts.next(engineChat(chat(messages, [LOOK])), prompts.whole(early), early.messages.length)?.steps ??
      null
    );
  };

  it('is most of what agents send, and nothing of a template that looks at all turns', () => {
    // gpt-oss and DeepSeek with tools keep a state over all turns.
    const whole = Object.keys(FAMILIES).filter((name) => steps(name, loop) === null);
    expect(whole).toEqual(['harmony', 'deepseek with tools']);
    expect(steps('counting', loop)).toBe(null);
  });

  it('begins again before a turn that was changed', () => {
    const again: Message[] = [...loop.slice(0, 3), say('user', 'stop')];
    const changed = Object.keys(FAMILIES).filter((name) => {
      const model = models[name] as LocalModel;
      const prompts = new LocalPrompts(model, new SegmentCache(model.tokenizer, 1 << 20));
      const [before, after] = [loop, again].map((messages) => engineChat(chat(messages, [LOOK])));
      const base = prompts.whole(before!);
      const tokens = [...base.tokens];
      const earlier = prompts.rewound(before!, base, 2);
      const next = earlier === null ? null : prompts.next(after!, earlier, 2);
      if (next !== null) expect(next.tokens).toEqual(prompts.whole(after!).tokens);
      expect([...base.tokens]).toEqual(tokens);
      return next !== null;
    });
    expect(changed).toEqual(expect.arrayContaining(['qwen', 'glm', 'llama3', 'kimi']));
    expect(changed).not.toContain('harmony');
  });

  it('is not a turn of the user after reasoning that the template then drops', () => {
    const thought: Message[] = [
      say('system', 'Be kind.'),
      say('user', 'the user'),
      turn('assistant', { type: 'thinking', text: 'hm' }, { type: 'text', text: 'yes' }),
      say('user', 'and'),
    ];
    expect(steps('qwen', thought)).toBe(null);
  });
});

it('a long new chat is prepared in steps, with the others in between, and is the same', async () => {
  const text = 'the user said\n'.repeat(2_000);
  const messages = Array.from({ length: 21 }, (_, at) =>
    say(at % 2 === 0 ? 'user' : 'assistant', `${at} ${text}`),
  );
  const model = models['qwen'] as LocalModel;
  let turns = 0;
  const ticking = setInterval(() => {
    turns += 1;
  }, 0);
  const made = await service(model).prepare(chat(messages));
  clearInterval(ticking);
  expect(turns).toBeGreaterThan(0);
  const cache = new SegmentCache(model.tokenizer, 1 << 20);
  expect(made.tokens).toEqual(new LocalPrompts(model, cache).whole(engineChat(chat(messages))).tokens);
});

it('a service that learned its template ahead prepares the same', async () => {
  const prompts = service(models['qwen'] as LocalModel);
  await prompts.learn();
  const first = await prompts.prepare(chat([say('user', 'the user')]));
  const messages = [say('user', 'the user'), say('assistant', 'yes'), say('user', 'and')];
  const second = await prompts.prepare(chat(messages));
  expect(second.tokens).toEqual((await service(models['qwen'] as LocalModel).prepare(chat(messages))).tokens);
  expect(second.localHashes[0]).toBe(first.localHashes[0]);
  await service(null).learn();
});
