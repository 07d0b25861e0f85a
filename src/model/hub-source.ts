/** Fetches a model file from the Hugging Face hub or a mirror of it, resuming where a connection was cut. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Dispatcher, EnvHttpProxyAgent, request } from 'undici';
import { LIMITS } from '../limits.js';
import type { HubSource } from './catalog.js';
import type { PartialFile } from './partial-file.js';
import { type SourceContext, SourceFailure } from './source.js';

const DEFAULT_ENDPOINT = 'https://huggingface.co';
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/**
 * Appends what is missing to `partial`. Honours `HF_ENDPOINT`, `HF_TOKEN`, `HF_HUB_OFFLINE`,
 * `TRANSFORMERS_OFFLINE` and the proxy variables. Rejects with SourceFailure when this source cannot help.
 */
export async function fetchFromHub(
  source: HubSource,
  partial: PartialFile,
  context: SourceContext,
): Promise<void> {
  if (isOffline(context.env))
    throw new SourceFailure('the hub is switched off by HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE');
  const agent = hubAgent(context.env);
  try {
    for (let attempt = 1; ; attempt++) {
      const outcome = await tryOnce(source, partial, context, agent);
      if (outcome === 'complete') return;
      if (attempt >= LIMITS.modelAttempts)
        throw new SourceFailure(`${hostOf(context.env)} cut the connection: ${outcome.detail}`);
      await sleep(LIMITS.modelRetryMs * 2 ** (attempt - 1), undefined, { signal: context.signal });
    }
  } finally {
    // Not `close`: that waits for answers nobody reads any more.
    await agent.destroy().catch(() => {});
  }
}

type Outcome = 'complete' | { detail: string };

async function tryOnce(
  source: HubSource,
  partial: PartialFile,
  context: SourceContext,
  agent: Dispatcher,
): Promise<Outcome> {
  if (partial.bytes >= context.model.bytes) return 'complete';
  const response = await openResponse(source, partial.bytes, context, agent);
  const { statusCode: status, body } = response;
  if (status === 416 || (status === 200 && partial.bytes > 0)) await partial.restart();
  if (status === 416 || status === 429 || status >= 500) {
    dropBody(body);
    return { detail: `status ${status}` };
  }
  if (status !== 200 && status !== 206) {
    dropBody(body);
    throw new SourceFailure(`${hostOf(context.env)} answered ${status}${statusHint(status, context.env)}`);
  }
  try {
    return await readBody(body, partial, context);
  } finally {
    dropBody(body);
  }
}

async function readBody(
  body: Dispatcher.ResponseData['body'],
  partial: PartialFile,
  context: SourceContext,
): Promise<Outcome> {
  const chunks = body[Symbol.asyncIterator]();
  for (;;) {
    // Only reading may fail by the network; a failed write is the disk's fault and must not be retried.
    const next = await chunks.next().catch((error: Error) => error);
    context.signal?.throwIfAborted();
    if (next instanceof Error) return { detail: next.message };
    if (next.done) break;
    await partial.write(next.value as Uint8Array);
    context.onBytes('downloading', partial.bytes);
  }
  return partial.bytes >= context.model.bytes ? 'complete' : { detail: 'the answer ended early' };
}

/** Follows redirects by hand: the token must not travel to another host, and a wrong checksum is told on the way. */
async function openResponse(
  source: HubSource,
  offset: number,
  context: SourceContext,
  agent: Dispatcher,
): Promise<Dispatcher.ResponseData> {
  const first = new URL(
    `${endpointOf(context.env)}/${source.repo}/resolve/${source.revision}/${source.file.split('/').map(encodeURIComponent).join('/')}`,
  );
  for (let url = first, hop = 0; hop <= LIMITS.modelRedirects; hop++) {
    const response = await send(
      url,
      offset,
      url.origin === first.origin ? tokenOf(context.env) : '',
      context,
      agent,
    );
    const told = String(response.headers['x-linked-etag'] ?? '').replaceAll('"', '');
    if (/^[0-9a-f]{64}$/.test(told) && told !== context.model.sha256) {
      dropBody(response.body);
      throw new SourceFailure(`${hostOf(context.env)} has another file under that name (SHA-256 ${told})`);
    }
    const location = response.headers.location;
    if (!REDIRECTS.has(response.statusCode) || typeof location !== 'string') return response;
    dropBody(response.body);
    url = new URL(location, url);
  }
  throw new SourceFailure(`${hostOf(context.env)} redirects without end`);
}

/** Ends an answer nobody reads; its abort error has no other listener and would end the process. */
export function dropBody(body: Dispatcher.ResponseData['body']): void {
  body.on('error', () => {});
  body.destroy();
}

async function send(
  url: URL,
  offset: number,
  token: string,
  context: SourceContext,
  agent: Dispatcher,
): Promise<Dispatcher.ResponseData> {
  const headers: Record<string, string> = { 'user-agent': 'dynamo', 'accept-encoding': 'identity' };
  if (offset > 0) headers['range'] = `bytes=${offset}-`;
  if (token !== '') headers['authorization'] = `Bearer ${token}`;
  try {
    return await request(url, { headers, dispatcher: agent, signal: context.signal });
  } catch (error) {
    context.signal?.throwIfAborted();
    const cause = error as NodeJS.ErrnoException;
    throw new SourceFailure(`${url.host} cannot be reached (${cause.code ?? cause.message})`, {
      cause: error,
    });
  }
}

export function hubAgent(env: SourceContext['env']): EnvHttpProxyAgent {
  const pick = (name: string) => env[name.toLowerCase()] ?? env[name] ?? '';
  return new EnvHttpProxyAgent({
    httpProxy: pick('HTTP_PROXY'),
    httpsProxy: pick('HTTPS_PROXY'),
    noProxy: pick('NO_PROXY'),
    connect: { timeout: LIMITS.modelConnectMs },
    headersTimeout: LIMITS.modelSilenceMs,
    bodyTimeout: LIMITS.modelSilenceMs,
  });
}

export function endpointOf(env: SourceContext['env']): string {
  return (env['HF_ENDPOINT'] || DEFAULT_ENDPOINT).replace(/\/+$/, '');
}

export function hostOf(env: SourceContext['env']): string {
  return URL.canParse(endpointOf(env)) ? new URL(endpointOf(env)).host : endpointOf(env);
}

export function tokenOf(env: SourceContext['env']): string {
  return env['HF_TOKEN'] ?? env['HUGGING_FACE_HUB_TOKEN'] ?? '';
}

export function isOffline(env: SourceContext['env']): boolean {
  return [env['HF_HUB_OFFLINE'], env['TRANSFORMERS_OFFLINE']].some((value) =>
    /^(1|true|yes|on)$/i.test(value ?? ''),
  );
}

export function statusHint(status: number, env: SourceContext['env']): string {
  if (status !== 401 && status !== 403) return '';
  return tokenOf(env) === '' ? ' (it wants a token: set HF_TOKEN)' : ' (it does not accept HF_TOKEN)';
}
