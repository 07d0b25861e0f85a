/** Conversations that begin, grow and end, each with one request at a time. */
import type { EngineMessage } from '../../request/engine-body.js';
import { type ProbeResult, probeStream } from '../stream-probe.js';
import { prose } from '../workload.js';
import type { SoakOptions } from './types.js';

interface Conversation {
  id: string;
  messages: EngineMessage[];
  turnsLeft: number;
  seed: number;
}

export interface Asked {
  requests: number;
  promptTokens: number;
  cachedTokens: number;
  failures: string[];
}

/** Failures kept by their text; what comes after is only more of the same. */
const FAILURES_MAX = 20;

export class Conversations {
  readonly asked: Asked = { requests: 0, promptTokens: 0, cachedTokens: 0, failures: [] };
  readonly #options: SoakOptions;
  readonly #target: { url: string; model: string };
  /** Whose turn it may be, the longest idle first. */
  readonly #idle: Conversation[] = [];
  readonly #running = new Set<Promise<void>>();
  #count = 0;

  constructor(options: SoakOptions, target: { url: string; model: string }) {
    this.#options = options;
    this.#target = target;
    for (let index = 0; index < options.sessions; index++) this.#idle.push(this.#begin());
  }

  /** The next turn of whoever has waited longest; false when everybody waits for an answer. */
  go(): boolean {
    const conversation = this.#idle.shift();
    if (conversation === undefined) return false;
    const turn: Promise<void> = this.#turn(conversation).finally(() => this.#running.delete(turn));
    this.#running.add(turn);
    return true;
  }

  /** Resolves when the next of those that run is over. */
  async oneIsOver(): Promise<void> {
    await Promise.race(this.#running);
  }

  async allAreOver(): Promise<void> {
    await Promise.all(this.#running);
  }

  #begin(): Conversation {
    const seed = ++this.#count;
    const { promptTokens, turns } = this.#options;
    // Ends differ, so that not all conversations begin anew at once.
    const turnsLeft = 1 + (seed % turns);
    const messages: EngineMessage[] = [{ role: 'system', content: prose(seed, promptTokens) }];
    return { id: `soak-${seed}`, messages, turnsLeft, seed };
  }

  async #turn(conversation: Conversation): Promise<void> {
    const { turnTokens, answerTokens } = this.#options;
    const { id, messages, seed, turnsLeft } = conversation;
    const content = `${prose(100_000 + seed * 100 + turnsLeft, turnTokens)} Go on.`;
    messages.push({ role: 'user', content });
    try {
      const headers = { 'x-dynamo-session-id': id };
      const result = await probeStream({ ...this.#target, messages, maxTokens: answerTokens, headers });
      messages.push({ role: 'assistant', content: result.text });
      this.#add(result);
    } catch (error) {
      messages.pop();
      if (this.asked.failures.length < FAILURES_MAX) this.asked.failures.push((error as Error).message);
    }
    conversation.turnsLeft -= 1;
    this.#idle.push(conversation.turnsLeft === 0 ? this.#begin() : conversation);
  }

  #add({ promptTokens, cachedTokens }: ProbeResult): void {
    this.asked.requests += 1;
    this.asked.promptTokens += promptTokens;
    this.asked.cachedTokens += cachedTokens;
  }
}
