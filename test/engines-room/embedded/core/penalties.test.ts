import { expect, it } from 'vitest';
import { Penalties } from '../../../../src/engines/embedded/core/penalties.js';
import { GREEDY } from './jobs.js';

/** Logits of tokens 0 to 3 after the penalties; one of two floats of each. */
function weighed(sampling: Partial<typeof GREEDY>, prompt: number[], said: number[]): number[] {
  const penalties = Penalties.of({ tokens: Uint32Array.from(prompt), sampling: { ...GREEDY, ...sampling } });
  for (const token of said) penalties?.take(token);
  const floats = new Float32Array([0, 2, 0, -2, 0, 4, 0, 1]);
  penalties?.weigh(floats, 2);
  return [...floats].filter((_, at) => at % 2 === 1);
}

it.each<[string, Partial<typeof GREEDY>, number[], number[], number[]]>([
  ['none', {}, [0, 1], [2], [2, -2, 4, 1]],
  ['repetition, of prompt and output, each once', { repetitionPenalty: 2 }, [0, 1, 1], [2, 2], [1, -4, 2, 1]],
  [
    'frequency, of the output, as often as it is there',
    { frequencyPenalty: 0.5 },
    [0],
    [2, 2, 3],
    [2, -2, 3, 0.5],
  ],
  ['presence, of the output, once', { presencePenalty: 1 }, [0], [2, 2], [2, -2, 3, 1]],
  [
    'all of them',
    { repetitionPenalty: 2, frequencyPenalty: 0.5, presencePenalty: 1 },
    [0],
    [2],
    [1, -2, 0.5, 1],
  ],
])('%s', (_, sampling, prompt, said, expected) => {
  expect(weighed(sampling, prompt, said)).toEqual(expected);
});
