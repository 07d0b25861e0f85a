/** Fits a request to the model: the recipe's defaults, and an output bound within the context that is left. */
import { DynamoError } from '../errors.js';
import type { PreparedPrompt } from '../prompt/types.js';
import type { CommonRequest, Sampling } from '../request/types.js';
import type { ServedModel } from './types.js';

/**
 * Throws `prompt_too_long` when not even one token of output would fit. Where the prompt was not really tokenized
 * (`text`) its length is a guess, and the engine decides.
 */
export function fitRequest(
  request: CommonRequest,
  prompt: PreparedPrompt,
  served: ServedModel,
): CommonRequest {
  const asked = request.maxTokens ?? served.defaults.maxTokens;
  const maxTokens =
    prompt.source === 'text' ? asked : clamped(asked, prompt.tokens.length, served.contextTokens);
  return {
    ...request,
    sampling: withDefaults(request.sampling, served.defaults),
    ...(maxTokens === undefined ? {} : { maxTokens }),
  };
}

function clamped(asked: number | undefined, tokens: number, limit: number): number | undefined {
  const left = limit - tokens;
  if (left < 1) throw new DynamoError('prompt_too_long', { tokens, limit }, { param: 'messages' });
  return asked === undefined ? undefined : Math.min(asked, left);
}

function withDefaults(sampling: Sampling, defaults: ServedModel['defaults']): Sampling {
  const { temperature, topP, topK, repetitionPenalty } = defaults;
  return {
    ...(temperature === undefined ? {} : { temperature }),
    ...(topP === undefined ? {} : { topP }),
    ...(topK === undefined ? {} : { topK }),
    ...(repetitionPenalty === undefined ? {} : { repetitionPenalty }),
    ...sampling,
  };
}
