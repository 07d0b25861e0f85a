/** What a running stack serves, asked over HTTP as any client would. */
import { DynamoError } from '../errors.js';

/** As long as any call of a command to the stack: an engine that computes on all cores makes both wait. */
const ASK_TIMEOUT_MS = 10_000;

export interface ServedModelFacts {
  model: string;
  contextTokens: number;
}

interface ModelEntry {
  id?: unknown;
  max_model_len?: unknown;
  context_length?: unknown;
  max_input_tokens?: unknown;
}

/**
 * `GET <url>/v1/models`: the entry of that name, or the first. Rejects with `stack_unreachable` when the stack does not
 * answer or leaves the context length out, with `usage` when it wants a key.
 */
export async function servedModel(
  url: string,
  model: string,
  apiKey: string | null,
): Promise<ServedModelFacts> {
  const response = await ask(`${url}/v1/models`, apiKey);
  if (response.status === 401) {
    throw new DynamoError('usage', {
      detail: `The stack at ${url} ${apiKey === null ? 'asks for an API key' : 'does not know that API key'}.`,
      remedy: 'Set DYNAMO_API_KEY to one of its keys.',
    });
  }
  const entries = response.ok ? await readEntries(response) : [];
  const entry = entries.find(({ id }) => id === model) ?? entries[0];
  const contextTokens = [entry?.max_model_len, entry?.context_length, entry?.max_input_tokens].find(isCount);
  if (typeof entry?.id === 'string' && contextTokens !== undefined) return { model: entry.id, contextTokens };
  const detail = `GET ${url}/v1/models answered ${response.status} without a model and its context length.`;
  throw new DynamoError('stack_unreachable', { detail });
}

/** An address that listens everywhere is reached over loopback: the gateway's host check knows no `0.0.0.0`. */
export function reachableUrl(url: string): string {
  const parsed = new URL(url);
  if (parsed.hostname === '0.0.0.0') parsed.hostname = '127.0.0.1';
  if (parsed.hostname === '[::]') parsed.hostname = '[::1]';
  return parsed.href.replace(/\/+$/, '');
}

async function ask(url: string, apiKey: string | null): Promise<Response> {
  const headers: Record<string, string> = apiKey === null ? {} : { authorization: `Bearer ${apiKey}` };
  try {
    return await fetch(url, {
      headers,
      redirect: 'error',
      signal: AbortSignal.timeout(ASK_TIMEOUT_MS),
    });
  } catch (error) {
    const cause = (error as Error).cause;
    const reason = cause instanceof Error ? cause.message : (error as Error).message;
    throw new DynamoError(
      'stack_unreachable',
      { detail: `${url} cannot be reached: ${reason}` },
      { cause: error },
    );
  }
}

async function readEntries(response: Response): Promise<ModelEntry[]> {
  try {
    const body = (await response.json()) as { data?: unknown };
    return Array.isArray(body?.data) ? (body.data as ModelEntry[]) : [];
  } catch {
    return [];
  }
}

const isCount = (value: unknown): value is number => Number.isInteger(value) && (value as number) > 0;
