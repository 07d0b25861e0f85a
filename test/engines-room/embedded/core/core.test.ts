/**
 * The core on the real library and the default model. Timing is only ever compared within one run and with a
 * factor that a busy machine does not eat up.
 */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { LlamaCore } from '../../../../src/engines/embedded/core/create-core.js';
import { createCore } from '../../../../src/engines/embedded/core/create-core.js';
import { byValue, EventReplay, GREEDY, run, start } from './jobs.js';
import { answer, chatOf, openCore, testModelPath, textOf, tokensOf } from './real-model.js';

// Prefill of hundreds of tokens takes seconds where other programs compute too.
vi.setConfig({ testTimeout: 120_000 });

/** About 300 tokens of plain English that differ by topic. */
const essay = (topic: string): string =>
  `${`Here is what I know about ${topic}. `.repeat(30)}Tell me more about ${topic} in two sentences.`;

let core: LlamaCore;
const replay = new EventReplay();

beforeAll(async () => {
  core = await openCore({ slots: 3, contextTokens: 1_000 });
  core.onKvEvents((events) => replay.take(events));
});

afterAll(async () => {
  await core.close();
});

/** The answer of a core that has never seen anything. */
async function freshAnswer(prompt: Uint32Array, maxTokens: number): Promise<number[]> {
  const fresh = await openCore({ slots: 1 });
  try {
    return (await run(fresh, { prompt, maxTokens })).tokens;
  } finally {
    await fresh.close();
  }
}

describe('the library', () => {
  it('tells what it loaded', () => {
    expect(core.info).toMatchObject({ vocabTokens: 49_152, blockTokens: 64, slots: 3, contextTokens: 1_000 });
    expect(core.info.blocksTotal).toBe(3 * 15);
    expect(core.info.kvBytesPerToken).toBe(23_040);
  });

  it('turns text into tokens and back, whatever the text', () => {
    const texts = ['', 'Hello', 'naïve 日本語 👩‍👩‍👧 \u0000 end', '\ud800', 'a'.repeat(5_000), '\n\n\t  x'];
    for (const text of texts) {
      const tokens = core.tokenize(text, { addSpecial: false, parseSpecial: false });
      expect(textOf(core, [...tokens])).toBe(Buffer.from(text).toString());
    }
  });

  it('reads control tokens only when told to', () => {
    const marked = core.tokenize('<|im_end|>', { addSpecial: false, parseSpecial: true });
    expect(marked).toHaveLength(1);
    expect(core.isEndOfGeneration(marked[0]!)).toBe(true);
    expect(core.tokenize('<|im_end|>', { addSpecial: false, parseSpecial: false }).length).toBeGreaterThan(1);
    expect(core.piece(marked[0]!, { special: false })).toHaveLength(0);
    expect(Buffer.from(core.piece(marked[0]!, { special: true })).toString()).toBe('<|im_end|>');
  });

  it('survives token ids it does not have', () => {
    expect(core.piece(10_000_000, { special: true })).toHaveLength(0);
    expect(core.isEndOfGeneration(-1)).toBe(false);
  });

  it('refuses a file that is no model, and a context that cannot be', async () => {
    const options = { modelPath: testModelPath(), modelSha256: '', contextTokens: 256, slots: 1 };
    await expect(createCore({ ...options, modelPath: import.meta.filename })).rejects.toMatchObject({
      code: 'model_invalid',
    });
    await expect(createCore({ ...options, modelPath: '/nonexistent.gguf' })).rejects.toMatchObject({
      code: 'model_missing',
    });
    await expect(createCore({ ...options, slots: 0 })).rejects.toMatchObject({ code: 'usage' });
  });
});

describe('answers', () => {
  it('know the capital of France', async () => {
    const { text, reason } = await answer(core, chatOf(core, 'Name the capital of France.'), {
      maxTokens: 30,
    });
    expect(text).toContain('Paris');
    expect(reason).toBe('stop');
  });

  it('end at the output bound, at the context, and at a stop token', async () => {
    const prompt = tokensOf(core, 'One, two, three, four, five,');
    expect(await answer(core, prompt, { maxTokens: 3 })).toMatchObject({
      reason: 'length',
      tokens: { length: 3 },
    });
    const long = tokensOf(core, 'word '.repeat(990)).subarray(0, 990);
    const bounded = await answer(core, long, { maxTokens: 500, ignoreEos: true });
    expect([bounded.reason, bounded.tokens.length]).toEqual(['length', 10]);
    const free = await answer(core, prompt, { maxTokens: 12 });
    const stopped = await answer(core, prompt, { maxTokens: 12, stopTokens: new Set([free.tokens[4]!]) });
    expect(stopped.reason).toBe('stop');
    expect(stopped.tokens).toEqual(free.tokens.slice(0, free.tokens.indexOf(free.tokens[4]!)));
  });

  it('go on past the end of generation when told to', async () => {
    const prompt = chatOf(core, 'Name the capital of France.');
    const { tokens, reason } = await answer(core, prompt, { maxTokens: 40, ignoreEos: true });
    expect([tokens.length, reason]).toEqual([40, 'length']);
    expect(tokens.some((token) => core.isEndOfGeneration(token))).toBe(false);
  });

  it('repeat with the same seed and differ with another', async () => {
    const prompt = chatOf(core, 'Write a story about a dragon.');
    const draw = async (seed: number): Promise<string> =>
      (
        await answer(core, prompt, {
          sampling: { ...GREEDY, temperature: 1.5, topP: 0.98, topK: 200, minP: 0.001, seed },
        })
      ).text;
    const first = await draw(7);
    expect(await draw(7)).toBe(first);
    expect(await draw(0xffff_ffff)).not.toBe(first);
  });

  it('are penalized alike in every request, whatever samplers came and went before', async () => {
    const prompt = chatOf(core, 'Say of the sea that the sea is the sea.');
    const drawn = { ...GREEDY, temperature: 0.8, topP: 0.9, minP: 0.05, seed: 7 };
    const penalized = { ...GREEDY, repetitionPenalty: 1.8 };
    const answers = [];
    for (let round = 0; round < 5; round++) {
      await run(core, { prompt, maxTokens: 2, sampling: drawn });
      answers.push((await run(core, { prompt, maxTokens: 8, sampling: penalized })).tokens);
    }
    const plain = (await run(core, { prompt, maxTokens: 8 })).tokens;
    expect(answers).toEqual(answers.map(() => answers[0]));
    expect(answers[0]).not.toEqual(plain);
  });

  it('follow a logit bias and penalties', async () => {
    const prompt = tokensOf(core, 'The colours are red, red, red, red, red, red, red,');
    const red = tokensOf(core, ' red')[0]!;
    const plain = await answer(core, prompt);
    expect(plain.tokens).toContain(red);
    const biased = await answer(core, prompt, {
      sampling: {
        ...GREEDY,
        logitBias: new Map([
          [red, -100],
          [99_999_999, 5],
        ]),
      },
    });
    expect(biased.tokens).not.toContain(red);
    for (const penalty of [{ repetitionPenalty: 1.8 }, { frequencyPenalty: 20 }, { presencePenalty: 20 }]) {
      const { tokens } = await answer(core, prompt, { sampling: { ...GREEDY, ...penalty } });
      expect(tokens).not.toEqual(plain.tokens);
    }
  });

  it('come with log probabilities that agree with the greedy choice', async () => {
    const { tokens, logprobs } = await answer(core, chatOf(core, 'Name the capital of France.'), {
      logprobs: 3,
    });
    expect(logprobs).toHaveLength(tokens.length);
    for (const [at, entry] of logprobs.entries()) {
      expect(entry?.token).toBe(tokens[at]);
      expect(entry?.top).toHaveLength(3);
      expect(entry?.top[0]).toEqual({ token: tokens[at], logprob: entry?.logprob });
      expect(entry?.logprob).toBeLessThanOrEqual(0);
    }
  });
});

describe('an answer another worker began', () => {
  it('goes on as it would have, wherever it broke off', async () => {
    const prompt = chatOf(core, 'Name three rivers and say where they are.');
    const whole = await freshAnswer(prompt, 40);
    for (const cut of [1, 17, 39]) {
      const other = await openCore({ slots: 1 });
      try {
        const continued = Uint32Array.from(whole.slice(0, cut));
        const rest = await run(other, { prompt, maxTokens: 40, continued });
        expect([...continued, ...rest.tokens]).toEqual(whole);
      } finally {
        await other.close();
      }
    }
  });

  it('keeps to its grammar and its bound', async () => {
    const sampling = { ...GREEDY, grammar: 'root ::= "{\\"city\\":\\"" [a-z]{3,9} "\\"}"' };
    const prompt = chatOf(core, 'A city, please.');
    const whole = await answer(core, prompt, { sampling, maxTokens: 30 });
    const continued = Uint32Array.from(whole.tokens.slice(0, 3));
    const rest = await answer(core, prompt, { sampling, maxTokens: 30, continued });
    expect(textOf(core, [...continued]) + rest.text).toBe(whole.text);
    expect(whole.text).toMatch(/^{"city":"[a-z]+"}$/);
    const all = Uint32Array.from(whole.tokens);
    expect(await run(core, { prompt, sampling, maxTokens: all.length, continued: all })).toMatchObject({
      tokens: [],
      reason: 'length',
    });
  });
});

describe('grammars', () => {
  const grammar = 'root ::= "{\\"city\\": \\"" [A-Za-z ]{1,20} "\\", \\"size\\": " ("1" | "2") "}"';

  it('bind the answer, greedy and drawn', async () => {
    const prompt = chatOf(core, 'Name the capital of France.');
    for (const temperature of [0, 1.2]) {
      const sampling = { ...GREEDY, temperature, seed: 3, grammar };
      const { text, reason } = await answer(core, prompt, { maxTokens: 60, sampling, ignoreEos: true });
      expect(JSON.parse(text)).toMatchObject({ city: expect.any(String), size: expect.any(Number) });
      expect(reason).toBe('stop');
    }
  });

  it('that cannot be used end the job, not the process', async () => {
    const wrong = [
      '',
      'root ::= ((',
      'root ::= undefined-rule',
      'other ::= "a"',
      'root ::= root "a"',
      'root ::= "a" [^\\x00-\\U0010FFFF]',
    ];
    for (const text of wrong) {
      const outcome = await run(core, { prompt: [1, 2, 3], sampling: { ...GREEDY, grammar: text } });
      expect(outcome, text).toMatchObject({ reason: 'error', error: { code: 'invalid_request' } });
    }
  });
});

describe('the prefix cache', () => {
  it('is used by the next prompt, with the answer of a fresh core', async () => {
    const system = essay('rivers');
    await answer(core, chatOf(core, 'First question?', system));
    const prompt = chatOf(core, 'Which river is the longest?', system);
    const second = await answer(core, prompt, { maxTokens: 24 });
    expect(second.cachedTokens).toBeGreaterThanOrEqual(256);
    expect(second.cachedTokens! % 64).toBe(0);
    expect(second.tokens).toEqual(await freshAnswer(prompt, 24));
  });

  it('gives a copied prefix the answer of a fresh core, also while its owner still writes', async () => {
    const system = essay('mountains');
    let second: ReturnType<typeof answer> | undefined;
    const prompt = chatOf(core, 'Which mountain is the highest?', system);
    const owner = await answer(core, chatOf(core, 'Tell me a long story.', system), {
      maxTokens: 40,
      ignoreEos: true,
      onToken: () => {
        second ??= answer(core, prompt, { maxTokens: 24 });
      },
    });
    const copied = await second!;
    expect(owner.tokens).toHaveLength(40);
    expect(copied.cachedTokens).toBeGreaterThanOrEqual(256);
    expect(copied.tokens).toEqual(await freshAnswer(prompt, 24));
  });

  it('keeps unlike salts apart', async () => {
    const prompt = chatOf(core, essay('lakes'));
    await answer(core, prompt, { cacheSalt: 'one' });
    expect((await answer(core, prompt, { cacheSalt: 'two' })).cachedTokens).toBe(0);
  });

  it('makes the second turn of a conversation start at most a fifth as late', async () => {
    const big = await openCore({ slots: 2, contextTokens: 4_096 });
    const first = chatOf(big, essay('history ').repeat(8));
    expect(first.length).toBeGreaterThan(1_900);
    const turn = await answer(big, first, { maxTokens: 30 });
    const next = tokensOf(big, `<|im_end|>\n<|im_start|>user\nAnd then?<|im_end|>\n<|im_start|>assistant\n`);
    const second = await answer(big, Uint32Array.from([...first, ...turn.tokens, ...next]), { maxTokens: 4 });
    await big.close();
    expect(second.cachedTokens).toBeGreaterThanOrEqual(first.length - 64);
    expect(second.firstTokenMs).toBeLessThan(turn.firstTokenMs / 5);
  });

  it('tells by its events exactly what it holds', async () => {
    const topics = ['cats', 'dogs', 'birds', 'fish', 'cats'];
    await Promise.all(
      topics.map((topic) => answer(core, chatOf(core, essay(topic)), { maxTokens: 70, ignoreEos: true })),
    );
    expect(replay.removed).toBeGreaterThan(0);
    expect(replay.hashes()).toEqual(core.cachedBlocks().sort(byValue));
    expect(core.stats().blocksUsed).toBe(replay.blocks.size);
    core.clearCache();
    expect([core.stats().blocksUsed, replay.blocks.size]).toEqual([0, 0]);
  });
});

describe('a tail filled up to a block', () => {
  it('leaves the answer, the cache and the room at the end of the context as they are', async () => {
    const text = tokensOf(core, essay('context').repeat(5));
    // 940 tokens: the tail of 44 is filled up to 960; 998: the tail of 38 reaches past the context of 1,000.
    for (const length of [940, 998]) {
      const prompt = text.subarray(0, length);
      const first = await answer(core, prompt, { maxTokens: 60, ignoreEos: true });
      expect(first.tokens).toHaveLength(Math.min(60, 1_000 - length));
      const again = await answer(core, prompt, { maxTokens: 60, ignoreEos: true });
      expect(again.cachedTokens).toBe(length - (length % 64));
      expect(again.tokens).toEqual(first.tokens);
    }
    expect(replay.hashes()).toEqual(core.cachedBlocks().sort(byValue));
  });
});

describe('many jobs', () => {
  it('wait for a slot, by priority, and each gets the answer it would get alone', async () => {
    const prompts = ['France', 'Italy', 'Spain', 'Japan', 'Egypt', 'Peru', 'Kenya'].map((name) =>
      chatOf(core, `Name the capital of ${name}.`),
    );
    const alone: number[][] = [];
    for (const prompt of prompts) alone.push((await run(core, { prompt, maxTokens: 12 })).tokens);
    core.clearCache();
    const ends: number[] = [];
    const jobs = prompts.map((prompt, at) =>
      run(core, { prompt, maxTokens: 12, priority: at === 6 ? 1 : 0, onStart: () => ends.push(at) }),
    );
    expect(core.stats().waiting).toBe(7);
    const outcomes = await Promise.all(jobs);
    expect(ends).toEqual([6, 0, 1, 2, 3, 4, 5]);
    expect(outcomes.map(({ tokens }) => tokens)).toEqual(alone);
    expect(core.stats()).toMatchObject({ running: 0, waiting: 0 });
  });

  it('can be cancelled, which frees the slot', async () => {
    const jobs = [1, 2, 3].map((at) =>
      start(core, { prompt: chatOf(core, `Count from ${at}.`), maxTokens: 900, ignoreEos: true }),
    );
    const waiting = start(core, { prompt: chatOf(core, 'Name the capital of France.'), maxTokens: 3 });
    jobs[1]!.handle.cancel();
    expect((await jobs[1]!.done).reason).toBe('cancelled');
    expect((await waiting.done).reason).toBe('length');
    for (const job of jobs) job.handle.cancel();
    const reasons = await Promise.all(jobs.map(async ({ done }) => (await done).reason));
    expect(reasons).toEqual(['cancelled', 'cancelled', 'cancelled']);
    expect(core.stats()).toMatchObject({ running: 0, waiting: 0 });
  });

  it('leave the event loop free', async () => {
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    await answer(core, chatOf(core, essay('clouds')), { maxTokens: 1, cacheSalt: 'timing' });
    clearInterval(timer);
    // A prefill that held the loop would let it turn only between its three calls.
    expect(ticks).toBeGreaterThan(10);
  });
});

describe('closing', () => {
  it('ends running jobs, is idempotent, and makes later calls fail instead of crash', async () => {
    const other = await openCore({ slots: 1 });
    const job = start(other, { prompt: chatOf(other, essay('ends')), maxTokens: 500 });
    await Promise.all([other.close(), other.close()]);
    expect((await job.done).reason).toBe('cancelled');
    expect(() => other.tokenize('x', { addSpecial: false, parseSpecial: false })).toThrow(/shutting down/);
    expect((await run(other, { prompt: [1] })).error).toMatchObject({ code: 'draining' });
  });
});
