/** Deterministic conversations: the same seed gives the same text, and no two sessions share more than the system prompt. */
import type { EngineMessage } from '../request/engine-body.js';

const WORDS =
  'river stone market engine window letter garden bridge copper ladder signal harbour pencil forest valley thunder basket mirror candle orbit ' +
  'silver anchor meadow hammer velvet quarry lantern saddle compass granite whistle pepper barrel canyon feather kettle marble nectar pillow ribbon';
const LIST = WORDS.split(' ');

/** Plain text of roughly `tokens` tokens (a sentence of ours is about 1.25 tokens a word). */
export function prose(seed: number, tokens: number): string {
  const next = generator(seed);
  const words: string[] = [];
  while (words.length < tokens / 1.25) {
    const sentence = Array.from({ length: 6 + (next() % 6) }, () => LIST[next() % LIST.length] ?? 'stone');
    words.push(...sentence.slice(0, -1), `${sentence.at(-1)}.`);
  }
  return words.join(' ');
}

export interface SessionScript {
  id: string;
  system: string;
  /** User turns in order. */
  turns: string[];
}

/** Sessions with one shared system prompt and turns of their own. */
export function sessionScripts(options: {
  sessions: number;
  turns: number;
  systemTokens: number;
  turnTokens: number;
}): SessionScript[] {
  const system = `You are a helpful assistant. ${prose(1, options.systemTokens)}`;
  return Array.from({ length: options.sessions }, (_, session) => ({
    id: `session-${session}`,
    system,
    turns: Array.from(
      { length: options.turns },
      (_, turn) => `${prose(1000 + session * 100 + turn, options.turnTokens)} Continue briefly.`,
    ),
  }));
}

export function opening(script: SessionScript): EngineMessage[] {
  return [{ role: 'system', content: script.system }];
}

/** xorshift32: small, seeded, the same everywhere. */
function generator(seed: number): () => number {
  let state = (seed * 2654435761) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state;
  };
}
