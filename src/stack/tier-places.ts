/** Where a stack's tiers lie, and how much of them there is room for. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, rmSync, statfsSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { makePrivateDir, type Paths, stackRuntimeDir } from '../cli/paths.js';
import { tierWarnings } from '../plan/tier-spec.js';
import type { Plan, TierPlan } from '../plan/types.js';
import { formatBytes } from '../plan/units.js';

/** Memory that is a file system: pages there are read without a copy through a device. */
const SHARED_MEMORY = '/dev/shm';
/** Of what is free on a file system, tiers may take this share. */
const FREE_SHARE = 0.8;
/** Quotas of a tier nobody gave a size. */
const DEFAULT_BYTES = { cpu: 1024 ** 3, disk: 4 * 1024 ** 3 };

export interface PlacedTiers {
  tiers: TierPlan[];
  /** Sentences for the user: what was made smaller, and why. */
  warnings: string[];
}

/** The plan with its tiers in place, and for engines whose pages are ours the socket on which they tell of them. */
export function planWithTiers(
  plan: Plan,
  { paths, name, warn }: { paths: Paths; name: string; warn(message: string): void },
): Plan {
  if ((plan.tiers ?? []).length === 0) return plan;
  const { tiers, warnings } = placeTiers(plan, paths, name);
  for (const message of [...warnings, ...tierWarnings(tiers)]) warn(message);
  return plan.engine === 'embedded'
    ? { ...plan, tiers, pageReports: reportSocket(paths, name) }
    : { ...plan, tiers };
}

/** Gives every tier its folder and a quota that fits. Folders are made; the one in memory belongs to this stack alone. */
export function placeTiers(plan: Plan, paths: Paths, name: string): PlacedTiers {
  const warnings: string[] = [];
  const tiers = (plan.tiers ?? []).map((tier): TierPlan => {
    if (tier.name === 'remote') return tier;
    const isOwn = plan.engine === 'embedded';
    // Other engines allocate the host's memory by themselves.
    if (tier.name === 'cpu' && !isOwn) return tier;
    const folder = isOwn ? 'kv' : `kv-${plan.engine}`;
    const dir = tier.at ?? (tier.name === 'cpu' ? memoryFolder(paths, name) : path.join(paths.data, folder));
    // A folder the user named may be shared on purpose; ours has a name that others can guess.
    if (tier.at === null) makePrivateDir(dir);
    else mkdirSync(dir, { recursive: true, mode: 0o700 });
    const wanted = tier.bytesMax ?? DEFAULT_BYTES[tier.name];
    const room = Math.floor(freeBytes(dir) * FREE_SHARE);
    if (room < wanted)
      warnings.push(
        `the ${tier.name} tier has ${formatBytes(room)} instead of ${formatBytes(wanted)}: that is what ${dir} has room for`,
      );
    return { name: tier.name, bytesMax: Math.min(wanted, room), at: dir };
  });
  return { tiers, warnings };
}

/** Memory must not outlive the stack; what matters is on disk as well. A folder the user named is left in place. */
export function removeMemoryTier(tiers: readonly TierPlan[], paths: Paths, name: string): void {
  const own = memoryFolder(paths, name);
  if (tiers.some(({ at }) => at === own)) rmSync(own, { recursive: true, force: true });
}

function reportSocket(paths: Paths, name: string): string {
  return path.join(stackRuntimeDir(paths, name), 'pages.sock');
}

/** One folder per stack and user, the same at every start, so that a stack that was killed finds its pages. */
export function memoryFolder(paths: Paths, name: string): string {
  const tag = createHash('sha256').update(stackRuntimeDir(paths, name)).digest('hex').slice(0, 12);
  const base = existsSync(SHARED_MEMORY) ? SHARED_MEMORY : os.tmpdir();
  return path.join(base, `dynamo-${process.getuid?.() ?? 0}-${tag}`);
}

/** Bytes a user may still write; what the tier itself holds already counts as free. */
function freeBytes(dir: string): number {
  const { bavail, bsize } = statfsSync(dir);
  return bavail * bsize;
}
