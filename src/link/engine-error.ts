/** An engine's refusal, in whatever shape it came, as an error of our registry. */
import { DynamoError } from '../errors.js';

export interface EngineRefusal {
  worker: string;
  /** HTTP status; 0 when the error came inside a stream. */
  status: number;
  /** Parsed JSON or the raw text. */
  body: unknown;
  /** Value of `retry-after`, when it was sent. */
  retryAfter?: string;
}

const DETAIL_MAX = 600;
/** How deep a sentence is looked for, and how many of a list are joined. */
const DEPTH_MAX = 6;
const PARTS_MAX = 10;
/** Characters of a field's name. */
const PARAM_MAX = 200;
/** Characters of an HTML page that are looked at. */
const HTML_MAX = 8_192;
const TOO_LONG =
  /maximum context length|context (?:length|window|size)|prompt (?:is )?too long|longer than the maximum|input_tokens/i;

/**
 * 400 about the context → `prompt_too_long`; 404 about a model → `unknown_model`; 429 and 503 → `overloaded`;
 * the rest → `engine_error`, with the engine's status when the client is at fault and 502 when it is not.
 */
export function engineError(refusal: EngineRefusal): DynamoError {
  const detail = messageOf(refusal.body).slice(0, DETAIL_MAX);
  const status = refusal.status === 0 ? statusInside(refusal.body) : refusal.status;
  if (status === 429 || status === 503) return overloaded(refusal.retryAfter);
  if (status === 404 && /model/i.test(detail)) return unknownModel(detail);
  const param = paramOf(refusal.body);
  if ((status === 400 || status === 413) && isTooLong(detail, param))
    return promptTooLong(detail, refusal.body);
  const isClients = status === 400 || status === 413 || status === 422;
  return new DynamoError(
    'engine_error',
    { worker: refusal.worker, detail: detail === '' ? `status ${status}` : detail },
    { status: isClients ? status : 502, ...(param === null ? {} : { param }) },
  );
}

/** The sentence inside an error body: OpenAI, Anthropic, FastAPI, llama.cpp and plain text shapes. */
export function messageOf(body: unknown, depth = 0): string {
  if (typeof body === 'string') return plainText(body);
  if (typeof body !== 'object' || body === null || depth > DEPTH_MAX) return '';
  if (Array.isArray(body)) {
    const parts = body.slice(0, PARTS_MAX).map((part) => messageOf(part, depth + 1));
    return parts.filter(Boolean).join('; ');
  }
  const { error, message, detail, msg } = body as Record<string, unknown>;
  for (const part of [error, message, detail, msg]) {
    const text = messageOf(part, depth + 1);
    if (text !== '') return text;
  }
  return '';
}

/** A proxy's HTML page is said in its words alone. */
function plainText(text: string): string {
  const trimmed = text.trim();
  if (!/^<(!doctype|html|\?xml|head|body)/i.test(trimmed)) return trimmed;
  return trimmed
    .slice(0, HTML_MAX)
    .replace(/<(style|script)\b[^>]*>[^<]*<\/\1>/gi, ' ')
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim();
}

function isTooLong(detail: string, param: string | null): boolean {
  if (param === 'max_tokens' || param === 'max_completion_tokens') return false;
  return param === 'input_tokens' || TOO_LONG.test(detail);
}

/** llama.cpp tells the numbers in fields, everybody else in the sentence. */
function promptTooLong(detail: string, body: unknown): DynamoError {
  const { n_ctx, n_prompt_tokens } = errorObject(body);
  const limit = firstNumber(detail, [
    /context length (?:is|of) (\d+)/i,
    /max_model_len[^\d]{0,12}(\d+)/i,
    /maximum[^\d.]{0,40}?(\d+) tokens/i,
    /context (?:size|window)[^\d]{0,20}(\d+)/i,
    />\s*(\d+)/,
  ]);
  const tokens = firstNumber(detail, [
    /(\d+) input tokens/i,
    /input_tokens[^\d]{0,12}value=(\d+)/i,
    /(\d+) (?:tokens )?in the messages/i,
    /(?:requested|contains?(?: at least)?|prompt \(?(?:is|of)?) ?\(?(\d+) tokens/i,
    /too long: (\d+)/i,
  ]);
  return new DynamoError('prompt_too_long', {
    tokens: tokens ?? numberOr(n_prompt_tokens, '?'),
    limit: limit ?? numberOr(n_ctx, '?'),
  });
}

function numberOr(value: unknown, otherwise: string): number | string {
  return typeof value === 'number' ? value : otherwise;
}

function unknownModel(detail: string): DynamoError {
  const model = /model [`'"]([^`'"]+)[`'"]/i.exec(detail)?.[1] ?? '?';
  const served = /aliases: ([^\n]+?)\.?$/i.exec(detail)?.[1] ?? 'another name';
  return new DynamoError('unknown_model', { model, served }, { param: 'model' });
}

function overloaded(retryAfter: string | undefined): DynamoError {
  const asked = Number(retryAfter);
  const seconds = Number.isFinite(asked) && asked > 0 ? Math.ceil(asked) : 1;
  const error = new DynamoError('overloaded', { waiting: 'other', seconds });
  error.retryAfterSeconds = seconds;
  return error;
}

function firstNumber(text: string, patterns: readonly RegExp[]): number | null {
  for (const pattern of patterns) {
    const found = pattern.exec(text)?.[1];
    if (found !== undefined) return Number(found);
  }
  return null;
}

/** vLLM repeats the status as `code` in errors it sends inside a stream. */
function statusInside(body: unknown): number {
  const { code } = errorObject(body);
  return typeof code === 'number' && code >= 400 && code < 600 ? code : 500;
}

function paramOf(body: unknown): string | null {
  const { param } = errorObject(body);
  return typeof param === 'string' && param !== '' ? param : placeOf(body);
}

/** FastAPI names the place of its first complaint: `["body", "messages", 0]`. */
function placeOf(body: unknown): string | null {
  const list = errorObject(body)['detail'];
  const loc = Array.isArray(list) ? (list[0] as { loc?: unknown } | null)?.loc : undefined;
  return Array.isArray(loc) && loc.length > 0 ? loc.map(String).join('.').slice(0, PARAM_MAX) : null;
}

function errorObject(body: unknown): Record<string, unknown> {
  if (typeof body !== 'object' || body === null) return {};
  const { error } = body as Record<string, unknown>;
  return (typeof error === 'object' && error !== null ? error : body) as Record<string, unknown>;
}
