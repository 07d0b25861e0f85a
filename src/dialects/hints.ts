/**
 * Agent hints under NVIDIA Dynamo's names, with its precedence: header over body; `x-tenant-id` over
 * `nvext.cache_salt` over `cache_salt`. Values out of range are a 400 naming the field; unknown fields are ignored.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { CacheMark, Hints } from '../request/types.js';
import {
  booleanField,
  type Fields,
  inRange,
  invalid,
  isFields,
  type NumberRange,
  numberField,
  objectField,
  textField,
  textsField,
} from './fields.js';

const INT32: NumberRange = { min: -(2 ** 31), max: 2 ** 31 - 1, isInteger: true };
const UINT32: NumberRange = { min: 0, max: 2 ** 32 - 1, isInteger: true };
/** Lifetime of a cache mark without one, as in the Messages API. */
const TTL_DEFAULT_SECONDS = 300;
const UNIT_SECONDS: Record<string, number> = { s: 1, m: 60, h: 3600 };

export function decodeHints(body: Fields, headers: IncomingHttpHeaders): Hints {
  const nvext = objectField(body, 'nvext') ?? {};
  const agent = objectField(nvext, 'agent_hints', 'nvext.') ?? {};
  const at = 'nvext.agent_hints.';
  const latency = numberField(agent, 'latency_sensitivity', {}, at);
  const priority =
    headerNumber(headers, 'x-dynamo-request-priority', INT32) ?? numberField(agent, 'priority', INT32, at);
  const osl = numberField(agent, 'osl', UINT32, at);
  const cacheControl = requestMark(nvext) ?? lenientMark(body['cache_control']);
  const cacheSalt = saltOf(body, nvext, headers);
  const workerPin = pinOf(nvext, headers);
  return {
    priority: priority ?? clampToInt32(latency ?? 0),
    isPriorityGiven: priority !== undefined || latency !== undefined,
    strictPriority:
      headerNumber(headers, 'x-dynamo-request-strict-priority', UINT32) ??
      numberField(agent, 'strict_priority', UINT32, at) ??
      0,
    speculativePrefill: booleanField(agent, 'speculative_prefill', at) ?? false,
    extraFields: textsField(nvext, 'extra_fields', 'nvext.'),
    annotations: textsField(nvext, 'annotations', 'nvext.'),
    ...(osl === undefined ? {} : { osl }),
    ...(cacheControl === undefined ? {} : { cacheControl }),
    ...(cacheSalt === undefined ? {} : { cacheSalt }),
    ...(workerPin === undefined ? {} : { workerPin }),
  };
}

/** A `cache_control` of the Messages API, wherever it stands: never an error. */
export function lenientMark(value: unknown): CacheMark | undefined {
  if (!isFields(value)) return undefined;
  return { ttlSeconds: ttlSeconds(value['ttl']) ?? TTL_DEFAULT_SECONDS };
}

function requestMark(nvext: Fields): CacheMark | undefined {
  const control = objectField(nvext, 'cache_control', 'nvext.');
  if (control === undefined) return undefined;
  const { type, ttl } = control;
  if (type !== undefined && type !== 'ephemeral')
    throw invalid('nvext.cache_control.type', 'must be ephemeral');
  const seconds = ttl === undefined || ttl === null ? TTL_DEFAULT_SECONDS : ttlSeconds(ttl);
  if (seconds === undefined) throw invalid('nvext.cache_control.ttl', 'must be like 5m, 1h or 90s');
  return { ttlSeconds: seconds };
}

/** `5m`, `1h`, `90s` or seconds as a number; undefined for anything else. */
function ttlSeconds(ttl: unknown): number | undefined {
  if (typeof ttl === 'number') return Number.isInteger(ttl) && ttl > 0 ? ttl : undefined;
  const match = typeof ttl === 'string' ? /^(\d{1,7})([smh])$/.exec(ttl) : null;
  if (match === null) return undefined;
  const seconds = Number(match[1]) * (UNIT_SECONDS[match[2] ?? ''] ?? 0);
  return seconds > 0 ? seconds : undefined;
}

function saltOf(body: Fields, nvext: Fields, headers: IncomingHttpHeaders): string | undefined {
  const salt =
    headerText(headers, 'x-tenant-id') ??
    textField(nvext, 'cache_salt', 'nvext.') ??
    textField(body, 'cache_salt');
  return salt === '' ? undefined : salt;
}

/** NVIDIA's instance ids are numbers; a bare number N means our worker `wN`. */
function pinOf(nvext: Fields, headers: IncomingHttpHeaders): string | undefined {
  const header =
    headerText(headers, 'x-dynamo-worker-instance-id') ?? headerText(headers, 'x-worker-instance-id');
  const id = header ?? nvext['backend_instance_id'];
  if (id === undefined || id === null || id === '') return undefined;
  if (typeof id !== 'string' && typeof id !== 'number')
    throw invalid('nvext.backend_instance_id', 'must be a worker id');
  return /^\d+$/.test(String(id)) ? `w${id}` : String(id);
}

function headerNumber(headers: IncomingHttpHeaders, name: string, range: NumberRange): number | undefined {
  const text = headerText(headers, name);
  if (text === undefined) return undefined;
  if (!/^[+-]?\d+$/.test(text)) throw invalid(name, 'must be a whole number');
  return inRange(Number(text), range, name);
}

function headerText(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  const text = (Array.isArray(value) ? value[0] : value)?.trim();
  return text === '' ? undefined : text;
}

function clampToInt32(value: number): number {
  return Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, Math.round(value)));
}
