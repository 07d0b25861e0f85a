/** Which files of a model on the hub an engine loads, and what the hub says of them. */
import { request } from 'undici';
import { DynamoError } from '../errors.js';
import { endpointOf, hostOf, hubAgent, statusHint, tokenOf } from './hub-source.js';
import type { Environment } from './source.js';

export interface HubFile {
  /** Path within the model, with `/`. */
  name: string;
  bytes: number;
  /** Name of its content in the cache: SHA-256 of a large file, git's sum of a small one. */
  blob: string;
  sha256: string;
  gitSha1?: string;
}

export interface HubListing {
  /** What the revision stands for now. */
  commit: string;
  files: HubFile[];
}

/** Asks the hub. Rejects with `hub_model` (gated, missing, out of reach). */
export async function listHubFiles(
  { id, revision }: { id: string; revision: string },
  env: Environment,
  signal?: AbortSignal,
): Promise<HubListing> {
  const agent = hubAgent(env);
  try {
    const url = `${endpointOf(env)}/api/models/${id}/revision/${encodeURIComponent(revision)}?blobs=true`;
    const token = tokenOf(env);
    const headers = { 'user-agent': 'dynamo', ...(token === '' ? {} : { authorization: `Bearer ${token}` }) };
    const answer = await request(url, { headers, dispatcher: agent, signal }).catch((error: Error) => {
      signal?.throwIfAborted();
      throw new HubUnreachable(id, `${hostOf(env)} cannot be reached (${error.message})`);
    });
    const text = await answer.body.text();
    if (answer.statusCode !== 200) throw refused(id, answer.statusCode, text, env);
    return parseListing(text) ?? unreadable(id, env);
  } finally {
    await agent.destroy().catch(() => {});
  }
}

const OFFLINE =
  'Fetch it where there is a network (`hf download MODEL`) and copy the cache, then set HF_HUB_OFFLINE=1.';

/** Nothing was said of the model: what the cache has may do. */
export class HubUnreachable extends DynamoError {
  constructor(id: string, detail: string) {
    super('hub_model', { id, detail, remedy: OFFLINE });
  }
}

/** Null for an answer that is no listing. Files that engines do not load are left out. */
export function parseListing(text: string): HubListing | null {
  let answer: { sha?: unknown; siblings?: unknown };
  try {
    answer = JSON.parse(text);
  } catch {
    return null;
  }
  const { sha, siblings } = answer ?? {};
  if (typeof sha !== 'string' || !/^[0-9a-f]{40}$/.test(sha) || !Array.isArray(siblings)) return null;
  const files = siblings.flatMap((sibling) => fileOf(sibling) ?? []);
  const hasSafetensors = files.some(({ name }) => name.endsWith('.safetensors'));
  const skipped = hasSafetensors ? OTHER_WEIGHTS : NEVER;
  return { commit: sha, files: files.filter(({ name }) => !skipped.test(name) && !UNREAD.test(name)) };
}

/** The same weights in other forms. */
const OTHER_WEIGHTS = /\.(?:bin|pt|pth|h5|msgpack|onnx|onnx_data|gguf|ot)$/i;
const NEVER = /\.(?:onnx|onnx_data|h5|msgpack|ot)$/i;
/** Read by people, or the maker's own form of the model. */
const UNREAD =
  /^(?:original|onnx|openvino|figures|assets|docs)\/|(?:^|\/)\.|\.(?:md|png|jpe?g|gif|svg|pdf|mp4)$/i;

function fileOf(sibling: unknown): HubFile | null {
  const { rfilename, size, blobId, lfs } = (sibling ?? {}) as Record<string, unknown>;
  if (typeof rfilename !== 'string' || !isSafe(rfilename) || !isSize(size)) return null;
  const { sha256 } = (lfs ?? {}) as Record<string, unknown>;
  if (typeof sha256 === 'string' && /^[0-9a-f]{64}$/.test(sha256))
    return { name: rfilename, bytes: size, blob: sha256, sha256 };
  if (typeof blobId !== 'string' || !/^[0-9a-f]{40}$/.test(blobId)) return null;
  return { name: rfilename, bytes: size, blob: blobId, sha256: '', gitSha1: blobId };
}

/** A name must not lead out of the model's folder. */
const isSafe = (name: string): boolean =>
  name !== '' &&
  name.split('/').every((part) => part !== '' && part !== '.' && part !== '..') &&
  !name.includes('\\');

const isSize = (size: unknown): size is number => Number.isSafeInteger(size) && (size as number) >= 0;

function refused(id: string, status: number, text: string, env: Environment): DynamoError {
  const host = hostOf(env);
  if (status === 401 || status === 403) {
    const isGated = /gated|restricted|agree|accept/i.test(text);
    return failure(
      id,
      isGated
        ? `${host} keeps it behind a licence${statusHint(status, env)}`
        : `${host} answered ${status}${statusHint(status, env)}`,
      `Accept its licence on ${endpointOf(env)}/${id}, then set HF_TOKEN to a token of that account.`,
    );
  }
  if (status === 404)
    return failure(
      id,
      `${host} has no such model or revision`,
      'Check `checkpoint` and `revision` of the recipe.',
    );
  return failure(id, `${host} answered ${status}`, 'Try again; what was fetched is kept.');
}

function unreadable(id: string, env: Environment): never {
  throw failure(id, `${hostOf(env)} answered with something that is no list of files`, 'Check HF_ENDPOINT.');
}

export const failure = (id: string, detail: string, remedy: string): DynamoError =>
  new DynamoError('hub_model', { id, detail, remedy });
