/**
 * vLLM's own offloading as flags: GPU → host memory → a folder of files → an object store. Every worker has its part of the host's
 * memory; the folder and the store are shared, because equal blocks have equal names (a fixed hash seed). Pure.
 */
import type { Plan, TierPlan } from '../../plan/types.js';

const THREADS = 16;

/** Empty without tiers. A folder that is not chosen yet shows as `DISK` in a plan that is only printed. */
export function vllmTierArgs({ tiers = [], workers }: Pick<Plan, 'tiers' | 'workers'>): string[] {
  const cpu = tiers.find(({ name }) => name === 'cpu');
  if (cpu?.bytesMax == null) return [];
  const below = tiers.flatMap((tier) => secondary(tier) ?? []);
  const config = {
    kv_connector: 'OffloadingConnector',
    kv_role: 'kv_both',
    kv_connector_extra_config: {
      ...(below.length === 0 ? {} : { spec_name: 'TieringOffloadingSpec', secondary_tiers: below }),
      cpu_bytes_to_use: Math.floor(cpu.bytesMax / Math.max(1, workers.length)),
      // Else events of these tiers carry no tokens, and the router cannot place them.
      self_describing_kv_events: true,
    },
  };
  return ['--kv-transfer-config', JSON.stringify(config)];
}

function secondary({ name, at }: TierPlan): Record<string, unknown> | null {
  if (name === 'disk') {
    return {
      type: 'fs',
      root_dir: at ?? 'DISK',
      n_read_threads: THREADS,
      n_write_threads: THREADS,
      // Off by default: what lies in the folder would be nobody's.
      enable_kv_events: true,
    };
  }
  return name === 'remote' && at !== null ? objectStore(new URL(at)) : null;
}

/** Keys come from the AWS chain of the worker's environment, never from argv. */
function objectStore(url: URL): Record<string, unknown> {
  const region = url.searchParams.get('region');
  const endpoint = url.searchParams.get('endpoint') ?? `https://s3.${region ?? 'us-east-1'}.amazonaws.com`;
  return {
    type: 'obj',
    store_config: {
      bucket: url.hostname,
      endpoint_override: endpoint,
      scheme: endpoint.startsWith('http://') ? 'http' : 'https',
      ...(region === null ? {} : { region }),
    },
    prefix: url.pathname
      .split('/')
      .filter((part) => part !== '')
      .join('/'),
    enable_kv_events: true,
  };
}
