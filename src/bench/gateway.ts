/** `dynamo bench gateway`: the same streamed request through the gateway and straight to the worker, in turn. */
import type { EngineMessage } from '../request/engine-body.js';
import type { OwnStack } from './own-stack.js';
import { type Spread, spread } from './statistics.js';
import { probeStream } from './stream-probe.js';
import { prose } from './workload.js';

export interface GatewayResult {
  definition: string;
  pairs: number;
  directTtftMs: Spread;
  gatewayTtftMs: Spread;
  /** Gateway − direct of each pair's first token, in milliseconds. */
  addedTtftMs: Spread;
  /** Gateway − direct of each pair's whole stream, in milliseconds. */
  addedTotalMs: Spread;
}

const WARM_UP_PAIRS = 5;

/** One connection, one worker, a prompt that is cached on both ways, four tokens of answer; order alternates. */
export async function benchGateway(stack: OwnStack, pairs: number): Promise<GatewayResult> {
  const { workers } = await stack.client.snapshot();
  const worker = workers[0]?.url ?? '';
  const messages: EngineMessage[] = [{ role: 'user', content: prose(42, 400) }];
  const ask = (url: string) => probeStream({ url, model: stack.model, messages, maxTokens: 4 });
  const direct: { ttft: number; total: number }[] = [];
  const through: typeof direct = [];
  for (let pair = 0; pair < pairs + WARM_UP_PAIRS; pair += 1) {
    const order = pair % 2 === 0 ? ([worker, stack.url] as const) : ([stack.url, worker] as const);
    for (const url of order) {
      const { ttftMs, totalMs } = await ask(url);
      if (pair >= WARM_UP_PAIRS)
        (url === worker ? direct : through).push({ ttft: ttftMs ?? totalMs, total: totalMs });
    }
  }
  const added = (pick: (sample: { ttft: number; total: number }) => number) =>
    spread(through.map((sample, index) => pick(sample) - pick(direct[index] ?? sample)));
  return {
    definition: `${pairs} pairs of one streamed chat request (same cached prompt, 4 tokens), gateway and worker in turn, 1 connection`,
    pairs,
    directTtftMs: spread(direct.map(({ ttft }) => ttft)),
    gatewayTtftMs: spread(through.map(({ ttft }) => ttft)),
    addedTtftMs: added(({ ttft }) => ttft),
    addedTotalMs: added(({ total }) => total),
  };
}
