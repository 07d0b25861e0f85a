import type { Turn, Workload } from '../../src/replay/types.js';

/** A workload of turns given in short; blocks of 64 tokens. */
export function workloadOf(turns: Partial<Turn>[], sessions = ['s']): Workload {
  const whole = turns.map((turn): Turn => {
    const blocks = turn.blocks ?? new Int32Array(0);
    return {
      session: 0,
      atMs: 0,
      after: [],
      delayMs: 0,
      promptTokens: Math.max(1, blocks.length * 64),
      outputTokens: 2,
      priority: 0,
      parts: [],
      ...turn,
      blocks,
    };
  });
  const unique = new Set(whole.flatMap(({ blocks }) => [...blocks]));
  return { format: 'test', blockTokens: 64, turns: whole, sessions, uniqueBlocks: unique.size, notes: [] };
}

/** Nodes `from` … `from + count − 1`. */
export const nodes = (from: number, count: number): Int32Array =>
  Int32Array.from({ length: count }, (_, at) => from + at);

/** Conversations that grow by `growth` blocks a turn and wait for their answers. */
export function conversations(count: number, turns: number, growth = 10): Workload {
  const all: Partial<Turn>[] = [];
  for (let session = 0; session < count; session++) {
    for (let turn = 0; turn < turns; turn++) {
      const at = all.length;
      all.push({
        session,
        atMs: session * 100,
        after: turn === 0 ? [] : [at - 1],
        delayMs: turn === 0 ? 0 : 50,
        blocks: nodes(session * 10_000, (turn + 1) * growth),
        promptTokens: (turn + 1) * growth * 64 + 5,
        outputTokens: 20,
      });
    }
  }
  return workloadOf(
    all,
    Array.from({ length: count }, (_, session) => `s${session}`),
  );
}
