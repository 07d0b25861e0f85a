/**
 * How long each part of a request's KV is worth keeping, from its typed regions. Pure. Priorities run from 0 (evicted
 * first, never written down) to 100; a duration is a promise while anything of less worth is there.
 */
import type { Region } from '../prompt/types.js';
import type { CommonRequest, Message } from '../request/types.js';
import { type RetentionChanges, retentionTable, type Worth } from './policy-table.js';

/** Token range `[start, end)`; an `end` past the prompt covers the answer. */
export interface RetentionSpan {
  start: number;
  end: number;
  priority: number;
  /** Milliseconds; 0 = no promise. */
  durationMs: number;
}

/** What a mark is worth at least; what was marked was worth a request of its own to the client. */
const MARK_PRIORITY = 80;
const FINISHED: Worth = { priority: 10, durationMs: 0 };

/** Spans in order, none empty, tiling the prompt and the answer after it. A recipe's changes of the table come before the key's. */
export function retentionSpans(
  request: CommonRequest,
  regions: readonly Region[],
  promptTokens: number,
  outputTokens: number,
  recipe?: RetentionChanges,
): RetentionSpan[] {
  const table = retentionTable(recipe, request.hints.retention);
  const marks = cacheMarks(request, regions, promptTokens);
  const isFinished = request.session?.isFinal === true;
  const spans: RetentionSpan[] = [];
  for (const region of regions) {
    const own = table[region.kind];
    const worth = isFinished && own.priority < 100 ? FINISHED : own;
    push(spans, { start: region.start, end: region.end, ...marked(worth, region.end, marks) });
  }
  const end = promptTokens + Math.max(1, outputTokens);
  push(spans, { start: promptTokens, end, ...(isFinished ? FINISHED : table.output) });
  return spans;
}

/** A `cache_control`: everything up to `end` was asked to be kept. */
export interface MarkedPrefix {
  end: number;
  ttlSeconds: number;
}

/** Where each mark of the request ends in the prompt, shortest prefix first. */
export function cacheMarks(
  request: CommonRequest,
  regions: readonly Region[],
  promptTokens: number,
): MarkedPrefix[] {
  const marks: MarkedPrefix[] = [];
  if (request.hints.isUnmarked === true) return marks;
  const { cacheControl } = request.hints;
  if (cacheControl !== undefined) marks.push({ end: promptTokens, ttlSeconds: cacheControl.ttlSeconds });
  const toolMark = request.tools.findLast(({ cache }) => cache !== undefined)?.cache;
  const toolsEnd = regions.findLast(({ kind }) => kind === 'tools')?.end;
  if (toolMark !== undefined && toolsEnd !== undefined)
    marks.push({ end: toolsEnd, ttlSeconds: toolMark.ttlSeconds });
  if (request.input.kind === 'chat') {
    for (const [index, message] of request.input.messages.entries()) {
      const ttlSeconds = markOf(message);
      const end = regions.findLast((region) => region.message === index)?.end;
      if (ttlSeconds !== null && end !== undefined) marks.push({ end, ttlSeconds });
    }
  }
  return marks.sort((a, b) => a.end - b.end);
}

function markOf({ blocks }: Message): number | null {
  const ttls = blocks.flatMap((block) =>
    'cache' in block && block.cache !== undefined ? [block.cache.ttlSeconds] : [],
  );
  return ttls.length === 0 ? null : Math.max(...ttls);
}

function marked(worth: Worth, end: number, marks: readonly MarkedPrefix[]): Worth {
  const ttls = marks.filter((mark) => mark.end >= end).map(({ ttlSeconds }) => ttlSeconds);
  if (ttls.length === 0) return worth;
  return {
    priority: Math.max(worth.priority, MARK_PRIORITY),
    durationMs: Math.max(worth.durationMs, ...ttls.map((seconds) => seconds * 1000)),
  };
}

function push(spans: RetentionSpan[], span: RetentionSpan): void {
  const last = spans.at(-1);
  if (span.end <= span.start) return;
  const isSame =
    last !== undefined &&
    last.end === span.start &&
    last.priority === span.priority &&
    last.durationMs === span.durationMs;
  if (isSame) last.end = span.end;
  else spans.push(span);
}
