/** Sampling parameters of a body; the defaults are vLLM's. */
import { LIMITS } from '../../../limits.js';
import type { CoreSampling } from '../types.js';
import { badRequest, invalidField } from './api-error.js';
import { type Body, integerField, isObject, numberField } from './fields.js';

const SEEDS = 2 ** 32;
const BIAS_MAX = 100;

/** Throws an ApiError for a value that is no number or out of its bounds. */
export function samplingFields(body: Body, vocabTokens: number): CoreSampling {
  const seed = integerField(body, 'seed', Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
  const logitBias = logitBiasOf(body, vocabTokens);
  return {
    temperature: numberField(body, 'temperature', 0, 100) ?? 1,
    topP: numberField(body, 'top_p', 0, 1) ?? 1,
    // -1 and 0 both mean every token.
    topK: Math.max(0, integerField(body, 'top_k', -1, Number.MAX_SAFE_INTEGER) ?? 0) % SEEDS,
    minP: numberField(body, 'min_p', 0, 1) ?? 0,
    frequencyPenalty: numberField(body, 'frequency_penalty', -2, 2) ?? 0,
    presencePenalty: numberField(body, 'presence_penalty', -2, 2) ?? 0,
    repetitionPenalty: numberField(body, 'repetition_penalty', 0.01, 100) ?? 1,
    ...(seed === undefined ? {} : { seed: ((seed % SEEDS) + SEEDS) % SEEDS }),
    ...(logitBias.size === 0 ? {} : { logitBias }),
  };
}

function logitBiasOf(body: Body, vocabTokens: number): Map<number, number> {
  const given = body['logit_bias'] ?? {};
  if (!isObject(given)) throw invalidField('logit_bias', 'Input should be a valid dictionary', given);
  const entries = Object.entries(given);
  if (entries.length > LIMITS.logitBiasMax)
    throw badRequest(`logit_bias has more than ${LIMITS.logitBiasMax} entries`, 'logit_bias');
  return new Map(
    entries.map(([key, bias]) => {
      const token = Number(key);
      if (!Number.isInteger(token) || token < 0 || token >= vocabTokens)
        throw badRequest(
          `token_id(s) [${key.slice(0, 20)}] in logit_bias are not in the vocabulary`,
          'logit_bias',
        );
      if (typeof bias !== 'number' || !Number.isFinite(bias))
        throw invalidField(`logit_bias.${token}`, 'Input should be a valid number', bias);
      return [token, Math.min(BIAS_MAX, Math.max(-BIAS_MAX, bias))];
    }),
  );
}
