/** A plan of engines that run already: asked, not started. */
import { DynamoError } from '../errors.js';
import { askEngine, type EngineFacts } from '../link/engine-facts.js';
import { createWorkerLink } from '../link/worker-link.js';
import { type AttachSpec, parseAttach } from '../plan/attach-spec.js';
import type { EventEndpoints, Plan, WorkerPlan } from '../plan/types.js';

export interface AttachWish {
  /** `--attach` values. */
  attach: readonly string[];
  /** Folder or file of `--tokenizer`. */
  tokenizer?: string | undefined;
  /** `--set context=`, `--set block_size=`: for engines that do not say. */
  set: Record<string, string>;
}

/** Taken where an engine does not say: vLLM's default block, and a context most coding models have. */
const BLOCK_TOKENS = 16;
const CONTEXT_TOKENS = 131_072;

/** Rejects with `usage`, or `engine_unreachable` when none of them answers; one that is down is picked up when it comes. */
export async function attachPlan(wish: AttachWish): Promise<Plan> {
  const specs = wish.attach.map(parseAttach);
  const answers = await Promise.all(specs.map(ask));
  const known = answers.filter((answer): answer is EngineFacts => !(answer instanceof Error));
  const [first] = known;
  if (first === undefined) {
    throw new DynamoError('engine_unreachable', {
      url: specs.map(({ url }) => url).join(', '),
      detail: (answers[0] as Error).message,
    });
  }
  const served = oneModel(specs, answers);
  const blockTokens = setting(wish.set, 'block_size') ?? first.blockTokens ?? BLOCK_TOKENS;
  const contextTokens =
    setting(wish.set, 'context') ??
    Math.min(...known.map(({ models }) => models[0]?.contextTokens ?? CONTEXT_TOKENS));
  return {
    recipe: 'attached',
    title: served,
    variant: specs.length === 1 ? '1 engine' : `${specs.length} engines`,
    engine: 'external',
    servedModel: served,
    aliases: [...new Set(known.flatMap(({ models }) => models.map(({ id }) => id)))].filter(
      (id) => id !== served,
    ),
    model: { kind: 'hub', id: served, revision: 'main' },
    ...(wish.tokenizer === undefined ? {} : { tokenizer: wish.tokenizer }),
    workers: specs.map((spec, n) =>
      workerOf(spec, answers[n] as EngineFacts | Error, { n, blockTokens, contextTokens }),
    ),
    contextTokens,
    blockTokens,
    reasons: ['these engines run already'],
    notes: specs.flatMap(({ url }, n) => {
      const answer = answers[n];
      return answer instanceof Error ? [`${url} does not answer yet: ${answer.message}`] : [];
    }),
    defaults: {},
  };
}

async function ask({ url }: AttachSpec): Promise<EngineFacts | Error> {
  const link = createWorkerLink({ worker: url, url });
  try {
    const facts = await askEngine(link);
    return facts.models.length > 0 ? facts : new Error('/v1/models lists no model');
  } catch (error) {
    return error as Error;
  } finally {
    await link.close();
  }
}

/** Requests may go to any of them, so they must serve the same model. */
function oneModel(specs: readonly AttachSpec[], answers: readonly (EngineFacts | Error)[]): string {
  const names = new Map<string, string>();
  answers.forEach((answer, n) => {
    if (!(answer instanceof Error)) names.set(answer.models[0]?.id as string, (specs[n] as AttachSpec).url);
  });
  const [[name = ''] = [], [other, url] = []] = [...names];
  if (other === undefined) return name;
  throw new DynamoError('usage', {
    detail: `The attached engines serve unlike models: \`${name}\`, and \`${other}\` at ${url}.`,
    remedy: 'Attach engines of one model, or run one stack for each with --name.',
  });
}

function workerOf(
  spec: AttachSpec,
  answer: EngineFacts | Error,
  { n, blockTokens, contextTokens }: { n: number; blockTokens: number; contextTokens: number },
): WorkerPlan {
  const facts = answer instanceof Error ? null : answer;
  const { hostname, port, protocol } = new URL(spec.url);
  return {
    id: `w${n}`,
    engine: 'external',
    file: '',
    args: [],
    env: {},
    host: hostname,
    port: Number(port) || (protocol === 'https:' ? 443 : 80),
    gpus: [],
    events: endpoints(spec, facts),
    blockTokens: facts?.blockTokens ?? blockTokens,
    kvBlocks: facts?.kvBlocks ?? null,
    contextTokens: facts?.models[0]?.contextTokens ?? contextTokens,
    attached: {
      url: spec.url,
      engine: spec.engine ?? facts?.engine ?? 'openai',
      healthPath: facts?.healthPath ?? '/health',
    },
  };
}

function endpoints(
  { events, replay, isBound }: AttachSpec,
  facts: EngineFacts | null,
): EventEndpoints | null {
  if (events === 'none') return null;
  if (events !== null) return { events, replay: replay ?? '', topic: '', isBound };
  const told = facts?.events ?? null;
  return told === null || replay === null ? told : { ...told, replay };
}

function setting(set: Record<string, string>, key: string): number | null {
  const value = set[key];
  if (value === undefined) return null;
  const number = Number(value);
  if (Number.isInteger(number) && number > 0) return number;
  throw new DynamoError('usage', {
    detail: `\`--set ${key}=${value}\` is not valid.`,
    remedy: 'It must be a whole number of 1 or more.',
  });
}
