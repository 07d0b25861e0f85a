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
  turns: SessionTurn[];
}

export interface SessionTurn {
  /** What the user says. */
  text: string;
  /** Pause before it is said, in milliseconds. */
  thinkMs: number;
  /** Longest answer, in tokens. */
  answerTokens: number;
}

const THINK_MS_MAX = 1_000;
const ANSWER_TOKENS = { min: 16, max: 48 };

/**
 * Sessions with one shared system prompt and turns of their own. Pauses and lengths of answers differ: sessions in
 * lock-step would arrive in the same order each turn, and round-robin over an even number of workers would then keep
 * every session in its place by accident.
 */
export function sessionScripts(options: {
  sessions: number;
  turns: number;
  systemTokens: number;
  turnTokens: number;
}): SessionScript[] {
  const { sessions, turns, systemTokens, turnTokens } = options;
  const system = `You are a helpful assistant. ${prose(1, systemTokens)}`;
  return Array.from({ length: sessions }, (_, session) => {
    const next = generator(9_000 + session);
    const turn = (index: number): SessionTurn => ({
      text: `${prose(1_000 + session * 100 + index, turnTokens)} Continue briefly.`,
      thinkMs: next() % THINK_MS_MAX,
      answerTokens: ANSWER_TOKENS.min + (next() % (ANSWER_TOKENS.max - ANSWER_TOKENS.min)),
    });
    return {
      id: `session-${session}`,
      system,
      turns: Array.from({ length: turns }, (_, index) => turn(index)),
    };
  });
}

export function opening(script: SessionScript): EngineMessage[] {
  return [{ role: 'system', content: script.system }];
}

/** xorshift32: small, seeded, the same everywhere. */
export function generator(seed: number): () => number {
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
