import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../src/limits.js';
import { PromptMemory, type RememberedPrompt } from '../../src/telemetry/prompt-memory.js';

const prompt = (tokens: number[], at = 0): RememberedPrompt => ({
  tokens: Uint32Array.from(tokens),
  salt: '',
  toolsMark: '',
  messages: [],
  worker: 'w0',
  at,
});
const count = (from: number, length: number): number[] => Array.from({ length }, (_, n) => from + n);

describe('the memory of prompts', () => {
  it('finds the prompt that shares most, the newest among equals', () => {
    const memory = new PromptMemory();
    memory.add('s', prompt(count(0, 100), 1));
    memory.add('s', prompt(count(500, 100), 2));
    memory.add('s', prompt(count(900, 100), 3));
    expect(memory.closest('s', Uint32Array.from(count(0, 150)))).toMatchObject({ common: 100 });
    expect(memory.closest('s', Uint32Array.of(7))).toMatchObject({ common: 0, prompt: { at: 3 } });
    expect(memory.closest('other', Uint32Array.of(7))).toBeNull();
  });

  it('keeps one prompt of a growing conversation, and a few of unlike ones', () => {
    const memory = new PromptMemory();
    for (let turn = 1; turn <= 10; turn++) memory.add('s', prompt(count(0, 100 * turn), turn));
    expect(memory.bytes).toBe(1_000 * 4);
    for (let topic = 1; topic <= 10; topic++) memory.add('s', prompt(count(topic * 10_000, 10), topic));
    expect(memory.bytes).toBe(LIMITS.missPromptsPerSession * 10 * 4);
  });

  it('keeps its bound: the session longest unused goes first', () => {
    const memory = new PromptMemory(1_000 * 4);
    for (const session of ['a', 'b', 'c']) memory.add(session, prompt(count(0, 400)));
    expect(memory.bytes).toBe(800 * 4);
    expect(memory.closest('a', Uint32Array.of(0))).toBeNull();
    memory.add('b', prompt(count(0, 420)));
    memory.add('d', prompt(count(0, 400)));
    expect(memory.closest('c', Uint32Array.of(0))).toBeNull();
    expect(memory.closest('b', Uint32Array.of(0))).toMatchObject({ common: 1 });
  });
});
