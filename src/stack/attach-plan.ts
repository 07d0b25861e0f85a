/** A plan of engines that run already: asked, not started. */
import { DynamoError } from '../errors.js';
import { LIMITS } from '../limits.js';
import { askEngine, type EngineFacts } from '../link/engine-facts.js';
import { createWorkerLink } from '../link/worker-link.js';
import { followedEvents, plainTextWarning } from '../plan/attach-events.js';
import { type AttachSpec, parseAttach } from '../plan/attach-spec.js';
import type { Plan, WorkerPlan } from '../plan/types.js';

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
  const workers = specs.flatMap((spec, n) =>
    workersOf(spec, answers[n] as EngineFacts | Error, { id: `w${n}`, blockTokens, contextTokens }),
  );
  const warnings = specs.flatMap((spec, n) => warningsOf(spec, answers[n] as EngineFacts | Error));
  if (workers.length > LIMITS.workersMax) {
    throw new DynamoError('usage', {
      detail: `The attached engines have ${workers.length} data-parallel ranks together; ${LIMITS.workersMax} are possible.`,
      remedy: 'Attach fewer engines to one stack.',
    });
  }
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
    workers,
    contextTokens,
    blockTokens,
    reasons: ['these engines run already'],
    ...(warnings.length === 0 ? {} : { warnings }),
    notes: [
      ...warnings,
      ...specs.flatMap(({ url }, n) => {
        const answer = answers[n];
        return answer instanceof Error ? [`${url} does not answer yet: ${answer.message}`] : [];
      }),
      ...blockSizeNotes(workers, blockTokens),
    ],
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

/** A worker per data-parallel rank that publishes events: each has a cache of its own, and a request can name it. */
function workersOf(
  spec: AttachSpec,
  answer: EngineFacts | Error,
  { id, blockTokens, contextTokens }: { id: string; blockTokens: number; contextTokens: number },
): WorkerPlan[] {
  const facts = answer instanceof Error ? null : answer;
  const { hostname, port, protocol } = new URL(spec.url);
  const worker: WorkerPlan = {
    id,
    engine: 'external',
    file: '',
    args: [],
    env: {},
    host: hostname,
    port: Number(port) || (protocol === 'https:' ? 443 : 80),
    gpus: [],
    events: followedEvents(spec, facts?.ranks[0]?.events ?? null).events,
    blockTokens: facts?.blockTokens ?? blockTokens,
    kvBlocks: facts?.kvBlocks ?? null,
    contextTokens: facts?.models[0]?.contextTokens ?? contextTokens,
    attached: {
      url: spec.url,
      engine: spec.engine ?? facts?.engine ?? 'openai',
      healthPath: facts?.healthPath ?? '/health',
      ...(spec.events === 'none' ? { isAsked: false } : {}),
      ...(spec.hasPriority === true ? { hasPriority: true } : {}),
    },
  };
  const ranks = facts?.ranks ?? [];
  // An address given by hand is one publisher's.
  if (ranks.length < 2 || spec.events !== null) return [worker];
  return ranks.map(({ rank, events }) => ({
    ...worker,
    id: `${id}-dp${rank}`,
    events: followedEvents(spec, events).events,
    attached: { ...(worker.attached as NonNullable<WorkerPlan['attached']>), rank },
  }));
}

/** Blocks of unlike sizes are never equal: what such a worker holds is not seen, and that is said at the start. */
function blockSizeNotes(workers: readonly WorkerPlan[], blockTokens: number): string[] {
  return workers.flatMap(({ id, blockTokens: own }) =>
    own === blockTokens
      ? []
      : [`${id} has blocks of ${own} tokens, prompts are cut into ${blockTokens}: its cache is not seen`],
  );
}

/** Each thing once, however many ranks an engine has. */
function warningsOf(spec: AttachSpec, answer: EngineFacts | Error): string[] {
  const ranks = answer instanceof Error ? [] : answer.ranks;
  const { warning } = followedEvents(spec, ranks[0]?.events ?? null);
  return [plainTextWarning(spec), warning].filter((text) => text !== null);
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
