/** How long a pass takes: NVIDIA's published mock-engine fit, or a roofline of a model on a GPU. */
import type { PassTiming } from './types.js';

/**
 * The mock engine of NVIDIA Dynamo (`lib/mocker`, release 1.5), milliseconds:
 * prefill 4.209989e-07·t² + 1.518344e-02·t + 16.50142 over new prompt tokens t, nothing when there are none;
 * decode max(1, −25.74·p² + 54.01·p + 5.74) over the share p of all KV that decoding requests hold.
 */
export function mockTiming(): PassTiming {
  return {
    passMs: (promptTokens, decoding, _context, usage) => {
      const prefill =
        promptTokens === 0 ? 0 : 4.209989e-7 * promptTokens ** 2 + 1.518344e-2 * promptTokens + 16.50142;
      const decode = decoding === 0 ? 0 : Math.max(1, -25.74 * usage ** 2 + 54.01 * usage + 5.74);
      return prefill + decode;
    },
  };
}

/** One worker's machine and model. */
export interface RooflineFacts {
  /** Parameters used per token. */
  activeParameters: number;
  /** All weights, in bytes, as stored. */
  weightBytes: number;
  /** Bytes of the weights a small batch reads (mixture of experts: the active share). */
  activeWeightBytes: number;
  kvBytesPerToken: number;
  /** Of all GPUs of the worker together. */
  bytesPerSecond: number;
  flopsPerSecond: number;
}

/** Share of the peak that kernels reach, and what a pass costs beside them. */
const COMPUTE_SHARE = 0.45;
const BANDWIDTH_SHARE = 0.7;
const OVERHEAD_MS = 3;

/**
 * Roofline: compute = 2 · active parameters · tokens ÷ FLOPs; memory = (weights read + KV read) ÷ bandwidth; a pass takes
 * the longer of both plus a fixed launch cost. A batch of n tokens reads min(all, active · n) of the weights.
 */
export function rooflineTiming(facts: RooflineFacts): PassTiming {
  const { activeParameters, weightBytes, activeWeightBytes, kvBytesPerToken } = facts;
  return {
    passMs: (promptTokens, decoding, contextTokens) => {
      const tokens = promptTokens + decoding;
      if (tokens === 0) return 0;
      const computeS = (2 * activeParameters * tokens) / (facts.flopsPerSecond * COMPUTE_SHARE);
      const bytes = Math.min(weightBytes, activeWeightBytes * tokens) + contextTokens * kvBytesPerToken;
      const memoryS = bytes / (facts.bytesPerSecond * BANDWIDTH_SHARE);
      return Math.max(computeS, memoryS) * 1000 + OVERHEAD_MS;
    },
  };
}

interface GpuRates {
  bytesPerSecond: number;
  /** Dense FP8. */
  flopsPerSecond: number;
}

/** Data sheets: HBM bandwidth and dense FP8 throughput of one GPU (NVIDIA product briefs). */
const GPU_RATES: Record<string, GpuRates> = {
  a100: { bytesPerSecond: 2.04e12, flopsPerSecond: 0.312e15 },
  l40s: { bytesPerSecond: 0.864e12, flopsPerSecond: 0.733e15 },
  h100: { bytesPerSecond: 3.35e12, flopsPerSecond: 1.979e15 },
  h200: { bytesPerSecond: 4.8e12, flopsPerSecond: 1.979e15 },
  h20: { bytesPerSecond: 4.0e12, flopsPerSecond: 0.296e15 },
  b200: { bytesPerSecond: 8e12, flopsPerSecond: 4.5e15 },
  b300: { bytesPerSecond: 8e12, flopsPerSecond: 4.5e15 },
  gb200: { bytesPerSecond: 8e12, flopsPerSecond: 5e15 },
  gb300: { bytesPerSecond: 8e12, flopsPerSecond: 5e15 },
  'dgx-spark': { bytesPerSecond: 0.273e12, flopsPerSecond: 0.25e15 },
  l4: { bytesPerSecond: 0.3e12, flopsPerSecond: 0.242e15 },
  'rtx-pro-6000': { bytesPerSecond: 1.792e12, flopsPerSecond: 1e15 },
  'rtx-5090': { bytesPerSecond: 1.792e12, flopsPerSecond: 0.838e15 },
  'rtx-4090': { bytesPerSecond: 1.008e12, flopsPerSecond: 0.66e15 },
  'rtx-3090': { bytesPerSecond: 0.936e12, flopsPerSecond: 0.071e15 },
};
/** A GPU without an entry is taken for an H100. */
const UNKNOWN_GPU = 'h100';

/** Rates of a worker's GPUs together; `family` as in recipes. */
export function gpuRates(family: string, count: number): GpuRates {
  const one = (GPU_RATES[family] ?? GPU_RATES[UNKNOWN_GPU]) as GpuRates;
  return { bytesPerSecond: one.bytesPerSecond * count, flopsPerSecond: one.flopsPerSecond * count };
}
