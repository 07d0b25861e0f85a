/** One prefix computed on one worker: its token ids as a prompt of one token's answer. */
import { DynamoError } from '../errors.js';
import type { WorkerLink } from '../link/types.js';
import { engineBody } from '../request/engine-body.js';
import type { WarmJob, WarmResult } from '../retention/types.js';
import { newRequestId } from './request-id.js';

/** Rejects with the signal's reason when that aborts: the engine's work has ended then. */
export function runWarm(
  link: WorkerLink,
  { path, body }: WarmBody,
  signal: AbortSignal,
): Promise<WarmResult> {
  return new Promise((resolve, reject) => {
    let result: WarmResult | null = null;
    const onAbort = () => {
      control.cancel();
      reject(signal.reason);
    };
    const control = link.stream(path, body, {
      onEvent(event) {
        if (event.type === 'usage') result = event.usage;
        if (event.type !== 'done' && event.type !== 'error') return;
        signal.removeEventListener('abort', onAbort);
        if (event.type === 'error') reject(event.error);
        else if (result === null) reject(noUsage(link.worker));
        else resolve(result);
      },
    });
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort);
  });
}

export interface WarmBody {
  path: string;
  body: Record<string, unknown>;
}

export interface WarmFields {
  model: string;
  /** The engine's own, of its lowest priority. */
  fields: Record<string, unknown>;
  retentionField: string | undefined;
}

export function warmBody(job: WarmJob, { model, fields, retentionField }: WarmFields): WarmBody {
  const { tokens, salt, retention, request } = job;
  const own = { request_id: newRequestId(), ...fields };
  if (request !== undefined) {
    const { path, body } = engineBody({ ...request, maxTokens: 1, n: 1, stream: true });
    return { path, body: { ...body, ...own } };
  }
  return {
    path: '/v1/completions',
    body: {
      model,
      prompt: Array.from(tokens),
      max_tokens: 1,
      temperature: 0,
      stream: true,
      stream_options: { include_usage: true },
      ...(salt === undefined ? {} : { cache_salt: salt }),
      ...(retentionField === undefined || retention.length === 0 ? {} : { [retentionField]: retention }),
      ...own,
    },
  };
}

function noUsage(worker: string): DynamoError {
  return new DynamoError('engine_error', { worker, detail: 'it did not say what it computed' });
}
