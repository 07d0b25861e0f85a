/** Refuses jobs the library would abort on or that cannot fit. Pure. */
import { DynamoError } from '../../../errors.js';
import type { CoreJob } from '../types.js';

/** Null when the job can run. */
export function requireValid(
  job: CoreJob,
  bounds: { contextTokens: number; vocabTokens: number },
): DynamoError | null {
  const tokens = job.tokens.length;
  if (tokens === 0) return invalid('The prompt is empty.');
  // One token of the context must be left for the answer.
  if (tokens >= bounds.contextTokens) {
    return new DynamoError('prompt_too_long', { tokens, limit: bounds.contextTokens - 1 });
  }
  const isUnknown = (token: number) => token >= bounds.vocabTokens;
  const unknown = job.tokens.find(isUnknown) ?? job.continued?.find(isUnknown);
  if (unknown !== undefined) return invalid(`The prompt holds the unknown token ${unknown}.`);
  if (!(job.maxTokens >= 1)) return invalid('At least one output token must be asked for.');
  const { grammar: _, logitBias: __, seed: ___, ...numbers } = job.sampling;
  const odd = Object.entries(numbers).find(([, value]) => !Number.isFinite(value));
  if (odd !== undefined) return invalid(`The sampling parameter ${odd[0]} is not a number.`);
  return null;
}

function invalid(detail: string): DynamoError {
  return new DynamoError('invalid_request', { detail });
}
