/** `dynamo bench live --minutes N`: whether a stack that is kept busy stays as it was. */
import { setTimeout as sleep } from 'node:timers/promises';
import { machine } from '../machine.js';
import { type OwnStack, withOwnStack } from '../own-stack.js';
import { cpuSeconds, descriptors } from '../process-usage.js';
import { Conversations } from './conversations.js';
import { figuresOf } from './figures.js';
import { Overheads } from './overheads.js';
import { CAPACITY_SHARE, type SoakOptions, type SoakReport, type SoakSample } from './types.js';

const SAMPLES = 120;
/** Share of the run in which all conversations go on at once, and its bounds. */
const CAPACITY = { share: 0.1, leastMs: 5_000, mostMs: 60_000 };

export function runSoak(options: SoakOptions): Promise<SoakReport> {
  const { paths, wish, router } = options;
  return withOwnStack({ paths, wish, router, name: `bench-${process.pid}` }, (stack) => soak(stack, options));
}

async function soak(stack: OwnStack, options: SoakOptions): Promise<SoakReport> {
  const { minutes, sessions, note } = options;
  note(`writing ${sessions} conversations`);
  const conversations = new Conversations(options, stack);
  const capacityPerSecond = options.rate === null ? await capacity(conversations, options) : null;
  const ratePerSecond = options.rate ?? CAPACITY_SHARE * (capacityPerSecond ?? 0);
  note(`${minutes} min at ${ratePerSecond.toFixed(1)} requests/s`);
  const overheads = await Overheads.open(stack.url);
  const end = new AbortController();
  const sampled = sample(stack, conversations, overheads, {
    everyMs: (minutes * 60_000) / SAMPLES,
    end: end.signal,
  });
  const late = await pace(conversations, ratePerSecond, minutes * 60_000);
  end.abort();
  const samples = await sampled;
  overheads.close();
  await conversations.allAreOver();
  return {
    definition: `${sessions} conversations of up to ${options.turns} turns that begin, grow and end (about ${options.promptTokens} tokens, ${options.turnTokens} more a turn), requests at an even pace; figures of the second half: slopes by least squares over the least sample of each tenth, the gateway's own time as its events tell it`,
    machine: machine(),
    at: new Date().toISOString(),
    minutes,
    sessions,
    capacityPerSecond,
    ratePerSecond,
    late,
    ...conversations.asked,
    samples,
    figures: figuresOf(samples),
  };
}

/** Requests a second when everybody asks again as soon as there is an answer. */
async function capacity(conversations: Conversations, { minutes, note }: SoakOptions): Promise<number> {
  const ms = Math.min(CAPACITY.mostMs, Math.max(CAPACITY.leastMs, minutes * 60_000 * CAPACITY.share));
  note(`measuring capacity for ${Math.round(ms / 1_000)} s`);
  const startedAt = performance.now();
  while (performance.now() - startedAt < ms) if (!conversations.go()) await conversations.oneIsOver();
  const perSecond = (1_000 * conversations.asked.requests) / (performance.now() - startedAt);
  await conversations.allAreOver();
  return perSecond;
}

/** Requests at even distances; how many could not be sent because nobody was idle. */
async function pace(conversations: Conversations, perSecond: number, ms: number): Promise<number> {
  const startedAt = performance.now();
  let late = 0;
  for (let index = 0; ; index++) {
    const dueMs = (1_000 * index) / perSecond;
    if (dueMs > ms) return late;
    const waitMs = startedAt + dueMs - performance.now();
    if (waitMs > 0) await sleep(waitMs);
    if (!conversations.go()) late += 1;
  }
}

async function sample(
  stack: OwnStack,
  conversations: Conversations,
  overheads: Overheads,
  { everyMs, end }: { everyMs: number; end: AbortSignal },
): Promise<SoakSample[]> {
  const samples: SoakSample[] = [];
  const startedAt = performance.now();
  let before = { at: startedAt, cpu: cpuSeconds(stack.pid) };
  while (!end.aborted) {
    await sleep(everyMs, undefined, { signal: end }).catch(() => {});
    const { memory } = await stack.client.snapshot();
    const now = { at: performance.now(), cpu: cpuSeconds(stack.pid) };
    const { p50, p99 } = overheads.take();
    const seconds = (now.at - before.at) / 1_000;
    samples.push({
      seconds: (now.at - startedAt) / 1_000,
      requests: conversations.asked.requests,
      residentBytes: memory.residentBytes,
      heapUsedBytes: memory.heapUsedBytes,
      descriptors: descriptors(stack.pid),
      overheadP50Ms: p50,
      overheadP99Ms: p99,
      cpuShare: now.cpu === null || before.cpu === null ? null : (now.cpu - before.cpu) / seconds,
    });
    before = now;
  }
  return samples;
}
