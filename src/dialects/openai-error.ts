/** The error envelope of chat completions, completions and Responses. */
import type { DynamoError, ErrorCode } from '../errors.js';
import { errorSentence } from './error-sentence.js';

/** `error.code` where OpenAI's clients act on it. */
const CODES: Partial<Record<ErrorCode, string>> = {
  prompt_too_long: 'context_length_exceeded',
  unknown_model: 'model_not_found',
  no_route: 'not_found',
  unauthorized: 'invalid_api_key',
  overloaded: 'rate_limit_exceeded',
};

export interface OpenAiError {
  message: string;
  type: string;
  param: string | null;
  code: string | null;
}

export function openAiError(error: DynamoError): OpenAiError {
  return {
    message: sentence(error),
    type: typeOf(error),
    param: error.param,
    code: CODES[error.code] ?? error.code,
  };
}

export function encodeOpenAiError(error: DynamoError): { status: number; body: unknown } {
  return { status: error.status, body: { error: openAiError(error) } };
}

/** OpenAI's own words for a prompt over the limit: agents look for them before they compact. */
function sentence(error: DynamoError): string {
  if (error.code !== 'prompt_too_long') return errorSentence(error);
  const { tokens, limit } = error.fields;
  return `This model's maximum context length is ${limit} tokens. However, your messages resulted in ${tokens} tokens. Please reduce the length of the messages.`;
}

function typeOf(error: DynamoError): string {
  if (error.status === 401) return 'authentication_error';
  if (error.status === 403) return 'permission_error';
  if (error.status === 429 || error.status === 529) return 'rate_limit_error';
  return error.status >= 500 ? 'server_error' : 'invalid_request_error';
}
