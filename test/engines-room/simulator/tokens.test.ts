import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { answerOf } from '../../../src/engines/simulator/answer.js';
import { simulatedPromptModel } from '../../../src/engines/simulator/prompt-model.js';
import { SPECIAL_TEXTS, simulatedTokenizer, VOCAB_TOKENS } from '../../../src/engines/simulator/tokens.js';
import { renderChat } from '../../../src/model/chat-template.js';
import type { EngineMessage } from '../../../src/request/engine-body.js';
import { promptOf } from './support.js';

const { encode, decode, byteLength, segments, encodePlain } = simulatedTokenizer;
const texts = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: fc.constantFrom('a', ' ', '_', '\n', '{', '"', 'é', '汉', '😀', ...SPECIAL_TEXTS) }),
);

describe('tokens', () => {
  it('say their own text', () => {
    fc.assert(
      fc.property(texts, (text) => {
        const tokens = encode(text);
        expect(decode(tokens)).toBe(text);
        expect(tokens.every((token) => token < VOCAB_TOKENS)).toBe(true);
        const bytes = Array.from(tokens, byteLength).reduce((sum, length) => sum + length, 0);
        expect(bytes).toBe(Buffer.byteLength(text));
      }),
    );
  });

  it('are those of the parts between special tokens', () => {
    fc.assert(
      fc.property(texts, (text) => {
        const parts = segments(text).flatMap(({ text: plain, special }) =>
          special < 0 ? [...encodePlain(plain)] : [special],
        );
        expect(parts).toEqual([...encode(text)]);
      }),
    );
  });

  it('stay when more text follows, but for the last', () => {
    fc.assert(
      fc.property(texts, texts, (head, tail) => {
        const before = encode(head).slice(0, -1);
        fc.pre(!SPECIAL_TEXTS.some((text) => (head + tail).includes(text)));
        expect([...encode(head + tail)].slice(0, before.length)).toEqual([...before]);
      }),
    );
  });

  it('are as many as a real tokenizer gives, within a third', () => {
    const prose =
      'The router keeps conversations where their cache is, and spreads the others over the workers. ';
    expect(encode(prose.repeat(50)).length / 50 / prose.length).toBeCloseTo(1 / 4.5, 1);
  });
});

describe('a conversation', () => {
  const { template, tokenizer } = simulatedPromptModel();
  const render = (messages: EngineMessage[]) =>
    tokenizer.encode(renderChat(template, { messages, tools: [], addGenerationPrompt: true }));

  it('goes on with the very tokens of its answer', () => {
    fc.assert(
      fc.property(texts, texts, (asked, next) => {
        const messages: EngineMessage[] = [
          { role: 'system', content: 'Be brief.' },
          { role: 'user', content: asked },
        ];
        const prompt = render(messages);
        const { tokens } = answerOf(jobOf(prompt), 20);
        const answer: EngineMessage = { role: 'assistant', content: tokenizer.decode(tokens) };
        const second = render([...messages, answer, { role: 'user', content: next }]);
        expect([...second.slice(0, prompt.length + tokens.length)]).toEqual([...prompt, ...tokens]);
      }),
    );
  });
});

function jobOf(tokens: Uint32Array): Parameters<typeof answerOf>[0] {
  const sampling = {
    temperature: 1,
    topP: 1,
    topK: 0,
    minP: 0,
    frequencyPenalty: 0,
    presencePenalty: 0,
    repetitionPenalty: 1,
  };
  const silent = { onStart: () => {}, onToken: () => {}, onEnd: () => {} };
  return { tokens, maxTokens: 100, sampling, priority: 0, cacheSalt: '', ...silent };
}

describe('an answer', () => {
  it('is as long as asked for, or ends by itself around the mean', () => {
    for (let n = 0; n < 50; n++) {
      const job = jobOf(promptOf(10, n * 50));
      expect(answerOf({ ...job, maxTokens: 7, ignoreEos: true }, 20)).toMatchObject({
        tokens: { length: 7 },
        isWhole: false,
      });
      const natural = answerOf({ ...job, maxTokens: 1_000 }, 20);
      expect(natural.isWhole).toBe(true);
      expect(natural.tokens.length).toBeGreaterThanOrEqual(10);
      expect(natural.tokens.length).toBeLessThan(46);
    }
  });

  it('ends before a token the client stops at', () => {
    const job = { ...jobOf(promptOf(10)), maxTokens: 50, ignoreEos: true };
    const { tokens } = answerOf(job, 20);
    const stopped = answerOf({ ...job, stopTokens: new Set([tokens[3] as number]) }, 20);
    expect([...stopped.tokens]).toEqual([...tokens.slice(0, tokens.indexOf(tokens[3] as number))]);
  });
});
