/** Loads `--router ./file.mjs` and checks it before anything starts. */
import { realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { DynamoError } from '../../errors.js';
import { LIMITS } from '../../limits.js';
import type { Candidate, Policy, RoutingRequest } from '../types.js';
import { modulePolicy } from './module-policy.js';
import type { RouterModule } from './module-types.js';

const REMEDY = 'docs/routers.md says what a router module exports; examples/routers has two.';

/** Whether a `--router` value names a file, not a policy of ours. */
export const isModulePath = (router: string): boolean => /[/\\]|\.(m?js|cjs|ts)$/.test(router);

/**
 * A function that makes the file's policy, anew on each call where the file exports a function. The router is asked once
 * about made-up workers. Rejects with `usage`: no such file, no module, no `select`, or a first answer that is none.
 */
export async function loadModulePolicy(file: string): Promise<() => Policy> {
  const found = moduleFile(file);
  const fallbackName = path.basename(found).replace(/\.m?js$/, '');
  const exported = await importDefault(file, found);
  const make = (): Policy => modulePolicy(routerOf(file, exported), fallbackName);
  probe(file, make());
  return make;
}

/** The absolute path of a router module. Throws `usage`. */
export function moduleFile(file: string): string {
  const absolute = path.resolve(file);
  if (!/\.m?js$/.test(absolute)) throw unusable(file, 'is no .mjs or .js file');
  const info = statSync(absolute, { throwIfNoEntry: false });
  if (info === undefined) throw unusable(file, 'does not exist');
  if (!info.isFile()) throw unusable(file, 'is no file');
  if (info.size > LIMITS.policyFileBytes)
    throw unusable(file, `is larger than ${LIMITS.policyFileBytes} bytes`);
  return realpathSync(absolute);
}

async function importDefault(file: string, found: string): Promise<unknown> {
  try {
    const module = (await import(pathToFileURL(found).href)) as { default?: unknown };
    return module.default;
  } catch (error) {
    throw unusable(file, `cannot be loaded: ${String(error)}`, error);
  }
}

function routerOf(file: string, exported: unknown): RouterModule {
  let router: unknown = exported;
  if (typeof exported === 'function') {
    try {
      router = (exported as () => unknown)();
    } catch (error) {
      throw unusable(file, `fails when it makes its router: ${String(error)}`, error);
    }
  }
  const { select, onOutcome, name } = (router ?? {}) as Partial<Record<keyof RouterModule, unknown>>;
  if (typeof select !== 'function')
    throw unusable(file, 'exports no router: its default export has no `select`');
  if (onOutcome !== undefined && typeof onOutcome !== 'function')
    throw unusable(file, '`onOutcome` is no function');
  if (name !== undefined && (typeof name !== 'string' || !/^[\w.:-]{1,64}$/.test(name))) {
    throw unusable(file, '`name` must be 1 to 64 letters, digits, dots, colons or dashes');
  }
  return router as RouterModule;
}

/** What fails at once is better said now than with the first request. */
function probe(file: string, policy: Policy): void {
  try {
    policy.select(REQUEST, [idle('w0'), idle('w1')], { random: 0.5, turn: 0 });
  } catch (error) {
    throw unusable(file, `is asked about two idle workers: it ${(error as Error).message}`, error);
  }
}

const REQUEST: RoutingRequest = {
  id: 'probe',
  promptTokens: 1_000,
  blockTokens: LIMITS.blockTokensDefault,
  promptBlocks: Math.ceil(1_000 / LIMITS.blockTokensDefault),
  expectedOutputTokens: 100,
  priority: 0,
};

const idle = (worker: string): Candidate => ({
  worker,
  overlap: { gpu: 0, cpu: 0, disk: 0, remote: 0 },
  load: { activeRequests: 0, prefillTokens: 0, decodeBlocks: 0, waiting: 0 },
  kvBlocks: 0,
  liveBlocks: 0,
  isHome: false,
  prefillMsPerToken: 0.02,
});

function unusable(file: string, problem: string, cause?: unknown): DynamoError {
  return new DynamoError('usage', { detail: `The router ${file} ${problem}.`, remedy: REMEDY }, { cause });
}
