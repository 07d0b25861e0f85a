/** Opens the tiers a worker was given: folders in memory and on disk, an object store; claims in the first folder. */
import { createHash } from 'node:crypto';
import { Claims } from '../../../cache/claims.js';
import { DirectoryPlace } from '../../../cache/directory-place.js';
import { PageStore } from '../../../cache/page-store.js';
import { openRemote } from '../../../cache/remote/open-remote.js';
import { RemotePlace } from '../../../cache/remote/remote-place.js';
import type { PageObserver, PagePlace, PageTier } from '../../../cache/types.js';
import type { TierOptions } from '../types.js';
import { BLOCK_TOKENS, type ChainFacts } from './block-hash.js';
import { LoadCost } from './load-cost.js';
import type { StateShape } from './state-layout.js';
import { TieredPrefix } from './tiered-prefix.js';

/** Null when there is no tier. A folder that cannot be made is told and left out. */
export async function openTiers(
  options: TierOptions,
  facts: ChainFacts,
  shape: StateShape,
): Promise<TieredPrefix | null> {
  const { observer } = options;
  const namespace = pageNamespace(facts, shape);
  const folder = (tier: PageTier, dir: string | undefined, isDurable: boolean): PagePlace[] =>
    dir === undefined
      ? []
      : tried(observer, tier, () => new DirectoryPlace({ tier, dir, namespace, isDurable }));
  const remote = await openRemotePlace(options, namespace);
  const places = [...folder('cpu', options.cpuDir, false), ...folder('disk', options.diskDir, true)];
  if (remote !== null) places.push(remote);
  if (places.length === 0) return null;
  const shared = options.cpuDir ?? options.diskDir;
  const claims = shared === undefined ? null : new Claims(`${shared}/${namespace}`);
  return new TieredPrefix({
    store: new PageStore({ places, observer }),
    claims,
    cost: new LoadCost(),
    namespace,
    shape,
  });
}

async function openRemotePlace(
  { remoteUrl, observer }: TierOptions,
  namespace: string,
): Promise<PagePlace | null> {
  if (remoteUrl === undefined) return null;
  const store = await openRemote(remoteUrl, namespace);
  const place = new RemotePlace(store, namespace, (message) => observer.fault('remote', message));
  place.watch();
  return place;
}

/** 32 hexadecimal digits of everything that changes KV bytes: pages of another model, version or format are never met. */
export function pageNamespace(facts: ChainFacts, shape: StateShape): string {
  const { modelSha256, libraryVersion, kvType, rope } = facts;
  const text = JSON.stringify([
    1,
    modelSha256,
    libraryVersion,
    kvType,
    rope,
    BLOCK_TOKENS,
    shape.layers,
    shape.parts,
  ]);
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}

function tried(observer: PageObserver, tier: PageTier, open: () => PagePlace): PagePlace[] {
  try {
    return [open()];
  } catch (error) {
    observer.fault(tier, error instanceof Error ? error.message : String(error));
    return [];
  }
}
