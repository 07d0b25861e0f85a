/** Tokens counted since the core was opened. */
import type { CachedByTier } from '../types.js';

export class TokenCounters {
  promptTokens = 0;
  /** Of the prompt tokens, those not computed. */
  cachedTokens = 0;
  generatedTokens = 0;
  readonly cachedByTier: CachedByTier = { gpu: 0, cpu: 0, disk: 0, remote: 0 };

  /** A prompt of that many tokens starts; returns how many of them were cached. */
  started(promptTokens: number, { gpu, cpu, disk, remote }: CachedByTier): number {
    const cachedTokens = gpu + cpu + disk + remote;
    this.promptTokens += promptTokens;
    this.cachedTokens += cachedTokens;
    this.cachedByTier.gpu += gpu;
    this.cachedByTier.cpu += cpu;
    this.cachedByTier.disk += disk;
    this.cachedByTier.remote += remote;
    return cachedTokens;
  }
}
