/** `dynamo bench gateway`: the same streamed request through the gateway, a bare pass-through and straight to the worker. */
import type { EngineMessage } from '../request/engine-body.js';
import type { OwnStack } from './own-stack.js';
import { startPassThrough } from './pass-through.js';
import { type Spread, spread } from './statistics.js';
import { probeStream } from './stream-probe.js';
import { prose } from './workload.js';

export interface GatewayResult {
  definition: string;
  rounds: number;
  sizes: SizeResult[];
}

export interface SizeResult {
  promptTokens: number;
  directTtftMs: Spread;
  /** Way − direct of each round's first token, in milliseconds. */
  gatewayAddedMs: Spread;
  passThroughAddedMs: Spread;
  /** Gateway − direct of each round's whole stream, in milliseconds. */
  gatewayAddedTotalMs: Spread;
}

interface Sample {
  ttft: number;
  total: number;
}

const WARM_UP_ROUNDS = 5;
const ANSWER_TOKENS = 4;

/** One connection, one worker, prompts that are cached on every way; the order of the ways rotates. */
export async function benchGateway(
  stack: OwnStack,
  rounds: number,
  sizes: readonly number[],
): Promise<GatewayResult> {
  const { workers } = await stack.client.snapshot();
  const worker = workers[0]?.url ?? '';
  const passThrough = await startPassThrough(worker);
  try {
    const ways = { direct: worker, gateway: stack.url, passThrough: passThrough.url };
    const results: SizeResult[] = [];
    for (const tokens of sizes) results.push(await measure(stack.model, ways, tokens, rounds));
    return {
      definition: `${rounds} rounds of one streamed chat request (same cached prompt, ${ANSWER_TOKENS} tokens of answer) on each way in turn, 1 connection, 1 worker`,
      rounds,
      sizes: results,
    };
  } finally {
    await passThrough.close();
  }
}

type Way = 'direct' | 'gateway' | 'passThrough';

async function measure(
  model: string,
  ways: Record<Way, string>,
  tokens: number,
  rounds: number,
): Promise<SizeResult> {
  const messages: EngineMessage[] = [{ role: 'user', content: prose(42, tokens) }];
  const names = Object.keys(ways) as Way[];
  const samples: Record<Way, Sample[]> = { direct: [], gateway: [], passThrough: [] };
  let promptTokens = 0;
  for (let round = 0; round < rounds + WARM_UP_ROUNDS; round += 1) {
    for (let turn = 0; turn < names.length; turn += 1) {
      const way = names[(turn + round) % names.length] as Way;
      const probe = await probeStream({ url: ways[way], model, messages, maxTokens: ANSWER_TOKENS });
      promptTokens = probe.promptTokens;
      if (round >= WARM_UP_ROUNDS)
        samples[way].push({ ttft: probe.ttftMs ?? probe.totalMs, total: probe.totalMs });
    }
  }
  const added = (way: Way, pick: (sample: Sample) => number) =>
    spread(samples[way].map((sample, index) => pick(sample) - pick(samples.direct[index] ?? sample)));
  return {
    promptTokens,
    directTtftMs: spread(samples.direct.map(({ ttft }) => ttft)),
    gatewayAddedMs: added('gateway', ({ ttft }) => ttft),
    passThroughAddedMs: added('passThrough', ({ ttft }) => ttft),
    gatewayAddedTotalMs: added('gateway', ({ total }) => total),
  };
}
