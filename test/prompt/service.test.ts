import { beforeAll, describe, expect, it } from 'vitest';
import { renderChat } from '../../src/model/chat-template.js';
import type { LocalModel } from '../../src/model/local-model.js';
import { engineTokenizer } from '../../src/prompt/engine-tokenize.js';
import { blockSeed, hashBlocks } from '../../src/prompt/hash/block-hash.js';
import { selfCheck } from '../../src/prompt/self-check.js';
import { createPromptService, type SwitchablePromptService } from '../../src/prompt/service.js';
import type { EngineMessage, EngineTool } from '../../src/request/engine-body.js';
import { CHATML, SPECIALS } from '../model/support/tiny-gguf.js';
import { chat, familyModel, LOOK, say } from './support/requests.js';
import { FAMILIES } from './support/templates.js';

let local: LocalModel;
let qwen: LocalModel;
beforeAll(async () => {
  local = await familyModel('service', { source: CHATML, specials: SPECIALS });
  qwen = await familyModel('service-qwen', FAMILIES['qwen']!);
});

const TALK = [say('system', 'Be kind.'), say('user', 'hello the user')];
const warnings: string[] = [];
function service(model: LocalModel | null = local): SwitchablePromptService {
  warnings.length = 0;
  return createPromptService({ local: model, blockTokens: 4, warn: (sentence) => warnings.push(sentence) });
}

/** An engine that has this model, as `/tokenize` shows it. */
const engineOf = (model: LocalModel) => async (_method: 'POST', _path: string, body: unknown) => {
  const {
    messages,
    tools,
    prompt,
    chat_template_kwargs: kwargs,
  } = body as {
    messages?: EngineMessage[];
    tools?: EngineTool[];
    prompt?: string;
    chat_template_kwargs?: Record<string, unknown>;
  };
  const text =
    prompt ??
    renderChat(model.template, {
      messages: messages ?? [],
      tools: tools ?? [],
      addGenerationPrompt: true,
      kwargs,
    });
  return { tokens: [...model.tokenizer.encode(text)], count: 0, max_model_len: 512 };
};

describe('prepare', () => {
  it('gives tokens, hashes of the full blocks, and regions that tile', async () => {
    const prompt = await service().prepare(chat(TALK));
    const text = local.tokenizer.decode(prompt.tokens);
    expect(text).toBe(
      '<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nhello the user<|im_end|>\n<|im_start|>assistant\n',
    );
    expect(prompt.localHashes).toEqual(hashBlocks(prompt.tokens, 4, blockSeed({})));
    expect(prompt.localHashes).toHaveLength(Math.floor(prompt.tokens.length / 4));
    expect(prompt.regions.at(-1)?.end).toBe(prompt.tokens.length);
    expect(prompt.source).toBe('local');
  });

  it('keeps the hashes of the turns before when a conversation grows', async () => {
    const prompts = service();
    const first = await prompts.prepare(chat(TALK));
    const second = await prompts.prepare(
      chat([...TALK, say('assistant', 'hello'), say('user', 'the end of it all')]),
    );
    expect(first.localHashes.length).toBeGreaterThan(2);
    expect(second.localHashes.subarray(0, first.localHashes.length)).toEqual(first.localHashes);
  });

  it('keeps salted requests apart from others', async () => {
    const prompts = service();
    const plain = await prompts.prepare(chat(TALK));
    const salted = await prompts.prepare(
      chat(TALK, [], { hints: { ...chat([]).hints, cacheSalt: 'tenant' } }),
    );
    expect(salted.tokens).toEqual(plain.tokens);
    expect([...salted.localHashes].some((hash) => plain.localHashes.includes(hash))).toBe(false);
  });

  it('takes text and token ids as they are', async () => {
    const prompts = service();
    const text = await prompts.prepare(chat([], [], { input: { kind: 'text', text: 'hello<|im_end|>' } }));
    expect(local.tokenizer.decode(text.tokens)).toBe('hello<|im_end|>');
    const tokens = Uint32Array.of(5, 6, 7);
    expect((await prompts.prepare(chat([], [], { input: { kind: 'tokens', tokens } }))).tokens).toEqual(
      tokens,
    );
    const empty = await prompts.prepare(chat([], [], { input: { kind: 'text', text: '' } }));
    expect({ regions: empty.regions, hashes: empty.localHashes.length }).toEqual({ regions: [], hashes: 0 });
  });

  it('refuses what the template cannot place', async () => {
    const image = {
      role: 'user' as const,
      blocks: [{ type: 'image' as const, mediaType: 'image/png', data: 'AA' }],
    };
    await expect(service().prepare(chat([image]))).rejects.toMatchObject({ code: 'unsupported' });
  });

  it('passes template variables on', async () => {
    const model = await familyModel('kwargs', {
      source: '{{ enable_thinking }} {{ reasoning_effort }} {{ lang }}',
      specials: SPECIALS,
    });
    const request = chat(TALK, [], {
      reasoning: { enabled: true, effort: 'high' },
      extra: { chat_template_kwargs: { lang: 'en' } },
    });
    const { tokens } = await service(model).prepare(request);
    expect(model.tokenizer.decode(tokens)).toMatch(/^true high en$/i);
  });
});

describe('selfCheck', () => {
  it.each(['chatml', 'qwen'])('leaves a service alone whose tokens are the engine’s: %s', async (family) => {
    const model = family === 'qwen' ? qwen : local;
    const prompts = service(model);
    const result = await selfCheck(prompts, engineTokenizer(engineOf(model), 'tiny'));
    expect(result).toMatchObject({ source: 'local', equal: 5 });
    expect(warnings).toEqual([]);
  });

  it('switches to the engine, visibly, when one probe differs', async () => {
    const prompts = service();
    const result = await selfCheck(prompts, engineTokenizer(engineOf(qwen), 'tiny'));
    expect(result.source).toBe('engine');
    expect(warnings).toEqual([expect.stringMatching(/probe `\w+` are not the engine's \(token \d+ is \d+/)]);
    const prompt = await prompts.prepare(chat(TALK, [LOOK]));
    expect(prompt.source).toBe('engine');
    expect(qwen.tokenizer.decode(prompt.tokens)).toContain('# Tools');
    expect(prompt.regions.map(({ kind }) => kind)).toEqual(['system', 'tools', 'conversation']);
    expect(prompt.regions.at(-1)?.end).toBe(prompt.tokens.length);
  });

  it('trusts its own tokens where the engine has no /tokenize to compare with', async () => {
    const missing = async () => Promise.reject(new Error('status 404'));
    const found = await selfCheck(service(), engineTokenizer(missing, 'tiny'));
    expect(found).toMatchObject({ source: 'local', detail: expect.stringContaining('not compared') });
  });

  it('works on text where neither has a tokenizer, and says so', async () => {
    const prompts = service(null);
    const missing = async () => Promise.reject(new Error('status 404'));
    expect(await selfCheck(prompts, engineTokenizer(missing, 'tiny'))).toMatchObject({
      source: 'text',
      equal: 0,
    });
    expect(warnings).toEqual([expect.stringContaining('approximately')]);
    const first = await prompts.prepare(chat(TALK));
    const second = await prompts.prepare(chat([...TALK, say('assistant', 'hello'), say('user', 'more')]));
    expect(first.source).toBe('text');
    expect(first.localHashes.length).toBeGreaterThan(3);
    expect(second.localHashes.subarray(0, first.localHashes.length)).toEqual(first.localHashes);
  });

  it('counts a probe both sides refuse as equal', async () => {
    const strict = await familyModel('strict', {
      source: `{% if messages[0].role == 'system' %}{{ raise_exception('no') }}{% endif %}{{ messages[0].content }}`,
      specials: SPECIALS,
    });
    const result = await selfCheck(service(strict), engineTokenizer(engineOf(strict), 'tiny'));
    expect(result).toMatchObject({ source: 'local', equal: 5 });
  });

  it('uses the engine when there is no local model', async () => {
    const prompts = service(null);
    expect((await prompts.prepare(chat(TALK))).source).toBe('text');
    expect((await selfCheck(prompts, engineTokenizer(engineOf(local), 'tiny'))).source).toBe('engine');
  });

  it('falls back to text for one request when the engine cannot answer, warning once', async () => {
    const prompts = service(null);
    prompts.switchToEngine(engineTokenizer(async () => ({ tokens: 'none' }), 'tiny'));
    expect((await prompts.prepare(chat(TALK))).source).toBe('text');
    await prompts.prepare(chat(TALK));
    expect(warnings).toHaveLength(1);
  });
});

/** Everything with the default model's own file; the worker's side of it is proven in the engine's tests. */
const MODEL = process.env['DYNAMO_TEST_MODEL'];
describe.skipIf(MODEL === undefined)('the default model (DYNAMO_TEST_MODEL, set by `npm test`)', () => {
  it('prepares a chat with exact regions', async () => {
    const { loadLocalModel } = await import('../../src/model/local-model.js');
    const prompts = service(await loadLocalModel(MODEL!));
    const prompt = await prompts.prepare(chat([say('user', 'What is 2 + 2?')], [LOOK]));
    const decode = (start: number, end: number) =>
      prompts.local!.tokenizer.decode(prompt.tokens.subarray(start, end));
    const [system, tools, closing, user, opening] = prompt.regions.map(({ start, end }) =>
      decode(start, end),
    );
    expect(system).toBe(
      '<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face',
    );
    expect(tools).toContain('"name":"look"');
    expect([closing, user, opening]).toEqual([
      '<|im_end|>\n',
      '<|im_start|>user\nWhat is 2 + 2?<|im_end|>\n',
      '<|im_start|>assistant\n',
    ]);
  });
});
