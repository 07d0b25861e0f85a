/** `dynamo bench live`: conversations on real workers. What is measured is said in `definition`. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { EngineMessage } from '../request/engine-body.js';
import type { OwnStack } from './own-stack.js';
import { type Spread, spread } from './statistics.js';
import { type ProbeResult, probeStream } from './stream-probe.js';
import { opening, prose, type SessionScript, sessionScripts } from './workload.js';

export interface SessionsResult {
  router: string;
  definition: string;
  requests: number;
  promptTokens: number;
  cachedTokens: number;
  reachableTokens: number;
  /** Cached ÷ prompt tokens, both as the engines report them. */
  hitRate: number;
  /** Cached ÷ reachable tokens. */
  ofReachable: number;
  ttftMs: Spread;
  /** Largest |predicted − cached| of one request, in tokens. */
  predictionErrorTokens: number;
}

export interface SecondTurnResult {
  definition: string;
  promptTokens: number;
  firstTtftMs: Spread;
  secondTtftMs: Spread;
  /** Second ÷ first, pair by pair. */
  ratio: Spread;
  cachedTokens: number;
}

const ANSWER_TOKENS = 32;

/** All sessions at once, each turn after the answer to the one before. */
export async function benchSessions(
  stack: OwnStack,
  router: string,
  size: { sessions: number; turns: number },
): Promise<SessionsResult> {
  const scripts = sessionScripts({ ...size, systemTokens: 200, turnTokens: 150 });
  const results = (await Promise.all(scripts.map((script) => runSession(stack, script)))).flat();
  const { tokens } = await stack.client.snapshot();
  const sum = (pick: (result: ProbeResult) => number) =>
    results.reduce((total, result) => total + pick(result), 0);
  const promptTokens = sum((result) => result.promptTokens);
  const cachedTokens = sum((result) => result.cachedTokens);
  return {
    router,
    definition: `${size.sessions} sessions of ${size.turns} turns at once, seeded pauses under a second between turns; tokens as reported by the engines; reachable = what one unlimited cache would have given`,
    requests: results.length,
    promptTokens,
    cachedTokens,
    reachableTokens: tokens.reachable,
    hitRate: cachedTokens / promptTokens,
    ofReachable: cachedTokens / tokens.reachable,
    ttftMs: spread(results.flatMap(({ ttftMs }) => ttftMs ?? [])),
    predictionErrorTokens: Math.max(
      ...results.map(({ predictedTokens, cachedTokens: cached }) =>
        Math.abs((predictedTokens ?? 0) - cached),
      ),
    ),
  };
}

/** First and second turn of fresh conversations with a prompt of about 2,000 tokens, one at a time. */
export async function benchSecondTurn(stack: OwnStack, conversations: number): Promise<SecondTurnResult> {
  const pairs: { first: ProbeResult; second: ProbeResult }[] = [];
  for (let index = 0; index < conversations; index += 1) {
    const messages: EngineMessage[] = [{ role: 'user', content: `${prose(7000 + index, 1_900)} Summarise.` }];
    const first = await ask(stack, messages, { session: `second-turn-${index}`, maxTokens: ANSWER_TOKENS });
    messages.push(
      { role: 'assistant', content: first.text },
      { role: 'user', content: 'And in one sentence?' },
    );
    pairs.push({
      first,
      second: await ask(stack, messages, { session: `second-turn-${index}`, maxTokens: ANSWER_TOKENS }),
    });
  }
  const ttft = (result: ProbeResult) => result.ttftMs ?? result.totalMs;
  return {
    definition: `time to first token of turns 1 and 2 of ${conversations} fresh conversations, one request at a time`,
    promptTokens: pairs[0]?.first.promptTokens ?? 0,
    firstTtftMs: spread(pairs.map(({ first }) => ttft(first))),
    secondTtftMs: spread(pairs.map(({ second }) => ttft(second))),
    ratio: spread(pairs.map(({ first, second }) => ttft(second) / ttft(first))),
    cachedTokens: pairs[0]?.second.cachedTokens ?? 0,
  };
}

async function runSession(stack: OwnStack, script: SessionScript): Promise<ProbeResult[]> {
  const messages = opening(script);
  const results: ProbeResult[] = [];
  for (const turn of script.turns) {
    await sleep(turn.thinkMs);
    messages.push({ role: 'user', content: turn.text });
    const result = await ask(stack, messages, { session: script.id, maxTokens: turn.answerTokens });
    messages.push({ role: 'assistant', content: result.text });
    results.push(result);
  }
  return results;
}

function ask(
  stack: OwnStack,
  messages: EngineMessage[],
  { session, maxTokens }: { session: string; maxTokens: number },
): Promise<ProbeResult> {
  const headers = { 'x-dynamo-session-id': session };
  return probeStream({ url: stack.url, model: stack.model, messages, maxTokens, headers });
}
