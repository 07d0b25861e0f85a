/** A small good recipe as text, and ways to spoil it. */

export const GOOD = `name: tiny
aliases: [little]
title: Tiny
family: test
licence: MIT
model:
  id: someone/tiny
  served_name: tiny
  context: 4096
  kv: { bytes_per_token: 1024, derivation: made up }
variants:
  - name: one
    engine: vllm
    checkpoint: someone/tiny
    precision: fp8
    weights_gb: 10
    min_engine_version: 0.16.0
    hardware:
      - { gpu: h100, count: 1, source: test }
    args:
      trust-remote-code: true
    why: It is small.
`;

/** Replaces one piece of the good recipe; fails loudly when the piece is not there. */
export function spoiled(from: string, to: string): string {
  if (!GOOD.includes(from)) throw new Error(`the recipe has no ${from}`);
  return GOOD.replace(from, to);
}
