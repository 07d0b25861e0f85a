/** The memory tier of a replay, as `--tiers` gives it: `cpu=2x` of all workers' KV, or a size. Pure. */
import { DynamoError } from '../errors.js';
import { parseTiers } from '../plan/tier-spec.js';
import type { ReplayTier } from '../replay/config.js';

/** Between a host's memory and its GPUs, in bytes a second per worker: PCIe 4.0 with 16 lanes, as measured by engines. */
const BYTES_PER_SECOND = 20e9;
/** MiniMax-M2 in fp8, a model of coding agents; used where no recipe says more. */
export const KV_BYTES_PER_TOKEN = 127_000;

export interface ReplayMemory {
  /** KV blocks of all workers together. */
  blocks: number;
  blockTokens: number;
  kvBytesPerToken: number;
}

/** Undefined for none. Throws `usage`: a replay knows one tier below the engines'. */
export function replayTier(text: string | undefined, memory: ReplayMemory): ReplayTier | undefined {
  if (text === undefined || text === '' || text === 'none') return undefined;
  const bytesPerBlock = memory.blockTokens * memory.kvBytesPerToken;
  const factor = /^cpu=(\d+(?:\.\d+)?)x$/.exec(text)?.[1];
  const blocks = factor === undefined ? sized(text) / bytesPerBlock : Number(factor) * memory.blocks;
  if (!(blocks >= 1)) throw invalid(text, 'it is smaller than one block');
  return { blocks: Math.floor(blocks), msPerBlock: (bytesPerBlock * 1_000) / BYTES_PER_SECOND };
}

function sized(text: string): number {
  const [tier, more] = parseTiers(text);
  if (more === undefined && tier?.name === 'cpu' && tier.bytesMax !== null && tier.at === null)
    return tier.bytesMax;
  throw invalid(text, 'a replay has one tier, memory that its workers share');
}

function invalid(text: string, why: string): DynamoError {
  return new DynamoError('usage', {
    detail: `\`--tiers ${text}\` cannot be replayed: ${why}.`,
    remedy: 'Write cpu=2x (times the KV of all workers), cpu=512GiB, or none.',
  });
}
