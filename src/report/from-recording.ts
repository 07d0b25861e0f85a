/** A report of what `dynamo up --record` wrote. Reachable tokens are counted here, from the block hashes. */
import { DynamoError } from '../errors.js';
import { type Fields, ids, milliseconds, name, type Place, tokens } from '../replay/readers/checks.js';
import { isRecordingHeader } from '../replay/readers/recording.js';
import { BOUNDS, BucketHistogram } from '../telemetry/metrics/buckets.js';
import { emptyPoint, type HistoryPoint } from '../telemetry/run-history.js';
import type { ReportData, ReportDistribution, ReportMiss, ReportSession } from './types.js';

interface Row {
  fields: Fields;
  place: Place;
}

/** One request of a recording, with what an unlimited cache would have given it. */
interface Recorded {
  session: string;
  parent: string | null;
  sentAt: number;
  firstTokenAt: number | null;
  endAt: number;
  promptTokens: number;
  cachedTokens: number;
  reachableTokens: number;
  outputTokens: number;
}

const STEPS = 120;
/** Sessions told in a report, those with most requests first. */
const SESSIONS = 50;

/** Throws `trace_invalid`, and `usage` for files that are no recording. */
export function fromRecording(rows: readonly Row[], title: string): ReportData {
  const header = rows.find(({ fields }) => isRecordingHeader(fields));
  if (header === undefined) {
    throw new DynamoError('usage', {
      detail: `${title} is no recording of \`dynamo up --record\`.`,
      remedy: 'Give the folder that was recorded into; without one, a running stack is reported on.',
    });
  }
  const requests = requestsOf(rows);
  if (requests.length === 0) {
    throw new DynamoError('usage', {
      detail: `The recording ${title} holds no request.`,
      remedy: 'Record one: `dynamo up --record DIR`, then talk to the stack.',
    });
  }
  const from = Math.min(...requests.map(({ sentAt }) => sentAt));
  const to = Math.max(...requests.map(({ endAt }) => endAt));
  const sum = (pick: (request: Recorded) => number) =>
    requests.reduce((total, request) => total + pick(request), 0);
  return {
    version: 1,
    source: 'recording',
    name: title,
    model: name(header.fields, 'model', header.place) ?? 'unknown',
    marks: [],
    facts: [['block size', `${tokens(header.fields, 'blockTokens', header.place)} tokens`]],
    from,
    to,
    requests: { total: requests.length, failed: null, cancelled: null, rejected: null },
    tokens: {
      prompt: sum((request) => request.promptTokens),
      cached: sum((request) => request.cachedTokens),
      predicted: null,
      reachable: sum((request) => request.reachableTokens),
      generated: sum((request) => request.outputTokens),
    },
    history: historyOf(requests, from, to),
    distributions: distributionsOf(requests),
    tiers: null,
    kinds: null,
    sessions: sessionsOf(requests),
    misses: missesOf(requests),
    notes: [
      'A recording holds what workers answered: requests that failed or were refused are not in it, nor are tiers and workers.',
      'Reachable tokens and causes are counted from the blocks of the recorded prompts alone.',
    ],
  };
}

function requestsOf(rows: readonly Row[]): Recorded[] {
  const requests: Recorded[] = [];
  const blocksOf = new Map<string, readonly (string | number)[]>();
  let startedAt = 0;
  let blockTokens = 0;
  const inOrder: { at: number; take: () => void }[] = [];
  const seen = new Set<string | number>();
  for (const { fields, place } of rows) {
    if (isRecordingHeader(fields)) {
      // A point in time, beyond what a duration may be.
      startedAt = Number(fields['startedAt']) || 0;
      blockTokens = tokens(fields, 'blockTokens', place);
      blocksOf.clear();
      continue;
    }
    const session = name(fields, 'session', place) ?? place.at;
    const keep = tokens(fields, 'keep', place);
    const blocks = [...(blocksOf.get(session) ?? []).slice(0, keep), ...ids(fields, 'blocks', place)];
    blocksOf.set(session, blocks);
    const at = (field: string) => {
      const ms = milliseconds(fields, field, place);
      return ms === null ? null : startedAt + ms;
    };
    const sentAt = at('sentMs') ?? startedAt;
    const promptTokens = tokens(fields, 'promptTokens', place);
    const request: Recorded = {
      session,
      parent: name(fields, 'parent', place),
      sentAt,
      firstTokenAt: at('firstTokenMs'),
      endAt: at('endMs') ?? sentAt,
      promptTokens,
      cachedTokens: Math.min(promptTokens, tokens(fields, 'cachedTokens', place)),
      reachableTokens: 0,
      outputTokens: tokens(fields, 'outputTokens', place),
    };
    requests.push(request);
    const size = blockTokens;
    // A block can be read once the request that computed it had its first token; hashes name whole prefixes.
    inOrder.push({
      at: request.firstTokenAt ?? request.endAt,
      take: () => {
        for (const block of blocks) seen.add(block);
      },
    });
    inOrder.push({
      at: sentAt,
      take: () => {
        const held = blocks.findIndex((block) => !seen.has(block));
        const reachable = (held === -1 ? blocks.length : held) * size;
        request.reachableTokens = Math.max(request.cachedTokens, Math.min(promptTokens, reachable));
      },
    });
  }
  for (const { take } of inOrder.sort((a, b) => a.at - b.at)) take();
  return requests.sort((a, b) => a.sentAt - b.sentAt);
}

function historyOf(requests: readonly Recorded[], from: number, to: number): ReportData['history'] {
  const stepMs = Math.max(1_000, Math.ceil((to - from + 1) / STEPS / 1_000) * 1_000);
  const points = new Map<number, HistoryPoint>();
  const pointAt = (at: number): HistoryPoint => {
    const start = from + Math.floor((at - from) / stepMs) * stepMs;
    const point = points.get(start) ?? emptyPoint(start);
    points.set(start, point);
    return point;
  };
  for (const request of requests) {
    const point = pointAt(request.endAt);
    point.requests += 1;
    point.promptTokens += request.promptTokens;
    point.cachedTokens += request.cachedTokens;
    point.reachableTokens += request.reachableTokens;
    point.generatedTokens += request.outputTokens;
    if (request.firstTokenAt === null) continue;
    const first = pointAt(request.firstTokenAt);
    first.firstTokens += 1;
    first.ttftMs += request.firstTokenAt - request.sentAt;
  }
  return { stepMs, points: [...points.values()].sort((a, b) => a.at - b.at) };
}

function distributionsOf(requests: readonly Recorded[]): ReportDistribution[] {
  const ttft: number[] = [];
  const interToken: number[] = [];
  const whole: number[] = [];
  for (const { sentAt, firstTokenAt, endAt, outputTokens } of requests) {
    whole.push((endAt - sentAt) / 1_000);
    if (firstTokenAt === null) continue;
    ttft.push((firstTokenAt - sentAt) / 1_000);
    if (outputTokens > 1) interToken.push((endAt - firstTokenAt) / 1_000 / (outputTokens - 1));
  }
  return [
    distributionOf('time to first token', 'from a request being read to its first token', 'firstToken', ttft),
    distributionOf('inter-token', 'mean of each request', 'interToken', interToken),
    distributionOf('whole request', 'from being read to the end', 'request', whole),
  ].filter(({ distribution }) => distribution.count > 0);
}

function distributionOf(
  name: string,
  help: string,
  bounds: keyof typeof BOUNDS,
  values: number[],
): ReportDistribution {
  const distribution = new BucketHistogram(BOUNDS[bounds]);
  for (const value of values) distribution.add(value);
  const sorted = values.sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? null;
  return { name, help, distribution, p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}

function sessionsOf(requests: readonly Recorded[]): ReportSession[] {
  const bySession = new Map<string, Recorded[]>();
  for (const request of requests) {
    const turns = bySession.get(request.session) ?? [];
    bySession.set(request.session, turns);
    turns.push(request);
  }
  const share = (turns: readonly Recorded[]) => {
    const prompt = turns.reduce((sum, { promptTokens }) => sum + promptTokens, 0);
    return prompt === 0 ? null : turns.reduce((sum, { cachedTokens }) => sum + cachedTokens, 0) / prompt;
  };
  return [...bySession]
    .sort(([, a], [, b]) => b.length - a.length)
    .slice(0, SESSIONS)
    .map(([id, turns]) => ({
      id,
      harness: null,
      role: null,
      parent: turns[0]!.parent,
      requests: turns.length,
      hitRate: share(turns),
      turns: turns.slice(-32).map((turn) => share([turn])),
    }));
}

/** What the blocks can tell: computed for the first time, or once more. */
function missesOf(requests: readonly Recorded[]): ReportMiss[] {
  const fresh = { cause: 'new text', requests: 0, computedTokens: 0, repeatedTokens: 0 };
  const again = { cause: 'had been computed before', requests: 0, computedTokens: 0, repeatedTokens: 0 };
  for (const { promptTokens, cachedTokens, reachableTokens } of requests) {
    const repeated = reachableTokens - cachedTokens;
    if (promptTokens > reachableTokens) fresh.requests += 1;
    fresh.computedTokens += promptTokens - reachableTokens;
    if (repeated <= 0) continue;
    again.requests += 1;
    again.computedTokens += repeated;
    again.repeatedTokens += repeated;
  }
  return [fresh, again].filter(({ computedTokens }) => computedTokens > 0);
}
