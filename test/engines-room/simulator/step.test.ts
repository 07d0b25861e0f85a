import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SimWorker, type SimWorkerOptions } from '../../../src/engines/simulator/step.js';
import type { PassResult, SimRequest } from '../../../src/engines/simulator/types.js';

const BLOCK = 4;

function request(id: string, blocks: number[], over: Partial<SimRequest> = {}): SimRequest {
  return {
    id,
    promptTokens: blocks.length * BLOCK + 1,
    outputTokens: 3,
    blocks: Int32Array.from(blocks),
    priority: 0,
    session: -1,
    ...over,
  };
}

function workerOf(over: Partial<SimWorkerOptions> = {}) {
  const held = new Set<number>();
  const worker = new SimWorker({
    blocks: 16,
    blockTokens: BLOCK,
    timing: { passMs: () => 1 },
    sink: {
      stored: (_parent, blocks) => {
        for (const block of blocks) held.add(block);
      },
      removed: (block) => held.delete(block),
    },
    ...over,
  });
  return { worker, held };
}

function drain(worker: SimWorker): PassResult[] {
  const passes: PassResult[] = [];
  for (let pass = worker.pass(0); pass !== null; pass = worker.pass(passes.length)) passes.push(pass);
  return passes;
}

describe('SimWorker', () => {
  it('computes a prompt in chunks of a pass, then one token a pass', () => {
    const { worker } = workerOf({ passTokens: 8 });
    worker.submit(request('a', [1, 2, 3, 4]));
    const passes = drain(worker);
    expect(passes.map(({ promptTokens, decoding }) => [promptTokens, decoding])).toEqual([
      [8, 0],
      [8, 0],
      [1, 0],
      [0, 1],
      [0, 1],
    ]);
    expect(passes[2]?.started).toHaveLength(1);
    expect(passes[4]?.finished).toHaveLength(1);
  });

  it('reads a prefix it holds, but never the last token', () => {
    const { worker } = workerOf();
    worker.submit(request('a', [1, 2, 3]));
    drain(worker);
    const again = worker.submit(request('b', [1, 2, 3], { promptTokens: 12 }));
    drain(worker);
    expect(again.cachedTokens).toBe(8);
  });

  it('lets a request wait until its prompt fits beside those that run', () => {
    const { worker } = workerOf({ blocks: 6 });
    worker.submit(request('a', [1, 2, 3]));
    worker.submit(request('b', [11, 12, 13]));
    worker.pass(0);
    expect([worker.running, worker.waiting]).toEqual([1, 1]);
    drain(worker);
    expect([worker.running, worker.waiting, worker.pool.active]).toEqual([0, 0, 0]);
  });

  it('sends the youngest back when answers outgrow memory, and finishes it later', () => {
    const { worker } = workerOf({ blocks: 6 });
    const old = worker.submit(request('a', [1, 2], { outputTokens: 12 }));
    const young = worker.submit(request('b', [11, 12], { outputTokens: 12 }));
    drain(worker);
    expect([old.preemptions, young.preemptions]).toEqual([0, 1]);
    expect([old.generated, young.generated]).toEqual([12, 12]);
  });

  it('takes higher priorities first only where told to', () => {
    for (const byPriority of [false, true]) {
      const { worker } = workerOf({ byPriority, maxRunning: 1 });
      worker.submit(request('a', [1]));
      worker.pass(0);
      worker.submit(request('low', [2]));
      worker.submit(request('high', [3], { priority: 5 }));
      const order = drain(worker).flatMap(({ finished }) => finished.map((entry) => entry.request.id));
      expect(order).toEqual(byPriority ? ['a', 'high', 'low'] : ['a', 'low', 'high']);
    }
  });

  it('frees the memory of a request whose client left', () => {
    const { worker } = workerOf();
    const entry = worker.submit(request('a', [1, 2]));
    worker.pass(0);
    worker.cancel(entry);
    expect([worker.running, worker.pool.active]).toEqual([0, 0]);
  });

  it('tells exactly the blocks it holds, whatever comes', () => {
    // A path of a small tree per request, so that prefixes are shared.
    const paths = fc.array(fc.nat(2), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(fc.array(fc.tuple(paths, fc.integer({ min: 1, max: 9 })), { maxLength: 40 }), (plan) => {
        const { worker, held } = workerOf({ blocks: 8, passTokens: 8 });
        plan.forEach(([path, outputTokens], n) => {
          let node = 0;
          const blocks = path.map((step) => {
            node = node * 3 + step + 1;
            return node;
          });
          const next = request(String(n), blocks, { outputTokens });
          if (worker.canHold(next)) worker.submit(next);
          if (n % 3 === 0) worker.pass(n);
        });
        drain(worker);
        for (let block = 0; block < 200; block++) {
          expect(worker.pool.find(block) !== -1).toBe(held.has(block));
        }
        expect(worker.pool.active).toBe(0);
      }),
    );
  });
});
