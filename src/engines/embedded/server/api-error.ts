/** Errors in vLLM's envelope. */
import { DynamoError } from '../../../errors.js';

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly type: string,
    message: string,
    readonly param: string | null = null,
  ) {
    super(message);
  }

  /** `{"error": {message, type, param, code}}`, as an answer's body and as the last value of a stream. */
  get body(): { error: { message: string; type: string; param: string | null; code: number } } {
    return { error: { message: this.message, type: this.type, param: this.param, code: this.status } };
  }
}

/** A value that is of the right type but cannot be served. */
export function badRequest(message: string, param: string | null = null): ApiError {
  return new ApiError(400, 'BadRequestError', message, param);
}

export function notFound(message: string, param: string | null = null): ApiError {
  return new ApiError(404, 'NotFoundError', message, param);
}

/** A field of the wrong type, as vLLM's own validation reports it; `found` is shown cut short. */
export function invalidField(field: string, message: string, found: unknown): ApiError {
  return validationError(`body.${field}`, `'msg': '${message}', 'input': '${shown(found)}'`, 'value_error');
}

export function missingField(field: string, body: Record<string, unknown>): ApiError {
  const input = `<dict of ${Object.keys(body).length} items>`;
  return validationError(`body.${field}`, `'msg': 'Field required', 'input': '${input}'`, 'missing');
}

/** `position`: characters read before the mistake. */
export function invalidJson(position: number, detail: string): ApiError {
  const rest = `'msg': 'JSON decode error', 'input': '<dict of 0 items>', 'ctx': {'error': '${detail}'}`;
  return validationError(`body.${position}`, rest, 'json_invalid');
}

/** Expected failures of ours (a template that refuses, a grammar that does not parse) keep their status; 529 is vLLM's 503. */
export function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  const message = error instanceof Error ? error.message : String(error);
  // Values nested a hundred thousand deep are read without trouble, but neither rendered nor written again.
  if (error instanceof RangeError && message.includes('call stack'))
    return badRequest('The request is nested too deep.');
  if (!(error instanceof DynamoError) || error.status === 500)
    return new ApiError(500, 'InternalServerError', message);
  if (error.status >= 500) return new ApiError(503, 'ServiceUnavailableError', message);
  return new ApiError(error.status, 'BadRequestError', message, error.param);
}

function validationError(location: string, rest: string, type: string): ApiError {
  const message = `1 validation error:\n  {'type': '${type}', 'loc': '${location}', ${rest}}`;
  return new ApiError(400, 'Bad Request', message, location);
}

const SHOWN_CHARS = 40;

function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value));
  return text.length > SHOWN_CHARS ? `${text.slice(0, SHOWN_CHARS)}…` : text;
}
