/** Sampling parameters and engine fields that chat completions and completions share. */
import type { Sampling } from '../request/types.js';
import { type Fields, type NumberRange, numberField, objectField, textsField } from './fields.js';

const PENALTY: NumberRange = { min: -2, max: 2 };
const RATIO: NumberRange = { min: 0, max: 1 };

/** Engine fields forwarded untouched; everything unknown that is not listed is ignored. */
const ENGINE_FIELDS = [
  'logit_bias',
  'chat_template_kwargs',
  'return_token_ids',
  'return_tokens_as_token_ids',
  'ignore_eos',
  'min_tokens',
  'stop_token_ids',
  'bad_words',
  'include_stop_str_in_output',
  'skip_special_tokens',
  'spaces_between_special_tokens',
  'structured_outputs',
  'guided_json',
  'guided_regex',
  'guided_choice',
  'guided_grammar',
  'length_penalty',
] as const;

/** Throws `invalid_request` naming the field that is out of range. */
export function decodeSampling(body: Fields): Sampling {
  const nvext = objectField(body, 'nvext') ?? {};
  const isGreedy = nvext['greed_sampling'] === true;
  return defined({
    temperature: isGreedy ? 0 : numberField(body, 'temperature', { min: 0, max: 2 }),
    topP: numberField(body, 'top_p', RATIO),
    topK: numberField(body, 'top_k', { min: -1, isInteger: true }),
    minP: numberField(body, 'min_p', RATIO),
    seed: seedOf(body),
    frequencyPenalty: numberField(body, 'frequency_penalty', PENALTY),
    presencePenalty: numberField(body, 'presence_penalty', PENALTY),
    repetitionPenalty: numberField(body, 'repetition_penalty', { min: 0.01, max: 10 }),
  });
}

/** The client's engine fields, as received. */
export function engineFieldsOf(body: Fields): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const name of ENGINE_FIELDS) {
    const value = body[name];
    if (value !== undefined && value !== null) out[name] = value;
  }
  return out;
}

/** Stop strings; empty ones would end every answer at once and are dropped. */
export function stopOf(body: Fields, name: string): string[] {
  return textsField(body, name).filter((text) => text !== '');
}

/** Fields that are not undefined. */
export function defined<T extends object>(fields: T): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;
}

function seedOf(body: Fields): number | undefined {
  const limit = Number.MAX_SAFE_INTEGER;
  return numberField(body, 'seed', { min: -limit, max: limit, isInteger: true });
}
