/** Anthropic's error envelope. Claude Code acts on the type and on the words. */
import type { DynamoError } from '../../errors.js';
import { errorSentence } from '../error-sentence.js';

const TYPES: Record<number, string> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  503: 'overloaded_error',
  504: 'timeout_error',
  529: 'overloaded_error',
};

export function encodeMessagesError(
  error: DynamoError,
  requestId?: string,
): { status: number; body: { type: 'error' } & Record<string, unknown> } {
  const fallback = error.status >= 500 ? 'api_error' : 'invalid_request_error';
  return {
    status: error.status,
    body: {
      type: 'error',
      error: { type: TYPES[error.status] ?? fallback, message: errorSentence(error), ...details(error) },
      request_id: requestId ?? null,
    },
  };
}

/** A code the client's own library acts on, with the field it is about. */
function details({ fields, param }: DynamoError): Record<string, unknown> {
  const { error_code } = fields;
  return error_code === undefined ? {} : { details: { error_code, unsupported: [param] } };
}
