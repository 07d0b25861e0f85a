import { expect, it } from 'vitest';
import { DynamoError } from '../../src/errors.js';
import { type Broken, type NextStep, nextStep } from '../../src/gateway/next-step.js';

const lost = new DynamoError('engine_lost', { worker: 'w0', detail: 'gone' });
const MIDDLE: Broken = {
  failure: lost,
  isAborted: false,
  canStartOver: false,
  startedOver: 0,
  continued: 0,
  continuationsMax: 3,
  answer: { tokens: 5, isFinished: false },
  isRepeatable: false,
};
const unknownIds = { tokens: 0, isFinished: false };

it.each<[string, Partial<Broken>, NextStep]>([
  ['an answer whose tokens are known', {}, 'continue'],
  ['one the client has seen nothing of, but whose tokens are known', { canStartOver: true }, 'continue'],
  ['one nobody has seen', { canStartOver: true, answer: unknownIds }, 'start_over'],
  ['one that was started over before', { canStartOver: true, answer: unknownIds, startedOver: 1 }, 'give_up'],
  ['one of unknown tokens', { answer: unknownIds }, 'give_up'],
  [
    'one of unknown tokens that comes out the same again',
    { answer: unknownIds, isRepeatable: true },
    'continue',
  ],
  ['one that was continued as often as it may be', { continued: 3 }, 'give_up'],
  ['any, where that is switched off', { continuationsMax: 0, answer: null }, 'give_up'],
  [
    'an unseen one, where that is switched off',
    { continuationsMax: 0, answer: null, canStartOver: true },
    'start_over',
  ],
  ['one that had ended', { answer: { tokens: 5, isFinished: true } }, 'complete'],
  ['one whose client is gone', { isAborted: true }, 'give_up'],
  [
    'one the engine refuses',
    { failure: new DynamoError('engine_error', { worker: 'w0', detail: 'no' }) },
    'give_up',
  ],
])('%s: %#', (_, given, expected) => {
  expect(nextStep({ ...MIDDLE, ...given })).toBe(expected);
});
