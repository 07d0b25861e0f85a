/** Everything that can keep a stack from starting or make it slow, looked at once. Starts and changes nothing. */
import type { Paths } from '../cli/paths.js';
import { toDynamoError } from '../errors.js';
import { probeHost } from '../plan/probe.js';
import { parseTiers } from '../plan/tier-spec.js';
import { requireFreePort } from '../stack/listen-checks.js';
import type { PlanWish } from '../stack/resolve-plan.js';
import { engineChecks } from './engine-checks.js';
import { gpuChecks } from './gpu-checks.js';
import { hostChecks } from './host-checks.js';
import { leftoverChecks } from './leftover-checks.js';
import { recipeChecks } from './recipe-check.js';
import { diskChecks, remoteChecks, sharedMemoryChecks } from './storage-checks.js';
import { type Check, ok, warn } from './types.js';

export interface Diagnosis {
  checks: Check[];
  /** Whether the recipe asked for (or the default one) can run on this host. */
  canRun: boolean;
}

/** Rejects only for a wrong question: an unknown recipe, a setting that cannot be. */
export async function examine(
  wish: PlanWish,
  { host, port, paths }: { host: string; port: number; paths: Paths },
): Promise<Diagnosis> {
  const snapshot = await probeHost({ dataDir: paths.data });
  const [gpus, engines, disk, shared, remote, ports] = await Promise.all([
    gpuChecks(snapshot),
    engineChecks(paths.data),
    diskChecks(paths.data),
    sharedMemoryChecks(),
    remoteChecks(parseTiers(wish.tiers ?? '')),
    portCheck(host, port),
  ]);
  const recipe = await recipeChecks(wish, paths);
  const checks = [
    ...hostChecks(snapshot),
    ...gpus,
    ...engines,
    ...disk,
    ...shared,
    ...remote,
    ports,
    ...leftoverChecks(paths),
    ...recipe.checks,
  ];
  return { checks, canRun: recipe.canRun && !isBroken(checks) };
}

/** A folder that cannot be written keeps every recipe from running. */
const isBroken = (checks: readonly Check[]): boolean =>
  checks.some(({ id, status }) => id === 'disk' && status === 'fail');

async function portCheck(host: string, port: number): Promise<Check> {
  try {
    await requireFreePort(host, port);
    return ok('port', `${host}:${port} is free`);
  } catch (error) {
    const { message, remedy } = toDynamoError(error);
    return warn('port', message, remedy);
  }
}
