/** What a request's cache marks wrote: Anthropic's clients are told, by lifetime. Pure. */
import type { Region } from '../prompt/types.js';
import { GrownLists } from '../request/grown-list.js';
import type { CommonRequest, Message } from '../request/types.js';
import { cacheMarks } from './spans.js';

/** Prompt tokens that were computed and marked to be kept. */
export interface CacheWrites {
  /** For up to five minutes. */
  short: number;
  /** For longer. */
  long: number;
}

/** Anthropic's two lifetimes are 5 minutes and 1 hour. */
const SHORT_SECONDS = 300;

/** Whether anything was marked; cheap, unlike finding where. */
export function hasMarks({ input, tools, hints }: CommonRequest): boolean {
  if (hints.isUnmarked === true) return false;
  if (hints.cacheControl !== undefined || tools.some(({ cache }) => cache !== undefined)) return true;
  if (input.kind !== 'chat') return false;
  const before = marked.find(input.messages);
  const isMarked = (message: Message): boolean =>
    message.blocks.some((block) => 'cache' in block && block.cache !== undefined);
  const has = before?.made === true || input.messages.slice(before?.count ?? 0).some(isMarked);
  marked.keep(input.messages, input.messages.length, has);
  return has;
}

const marked = new GrownLists<Message, boolean>();

/** A mark stands for everything before it; what lies under two has the longer lifetime. */
export function cacheWrites(
  request: CommonRequest,
  regions: readonly Region[],
  { promptTokens, cachedTokens }: { promptTokens: number; cachedTokens: number },
): CacheWrites {
  const marks = cacheMarks(request, regions, promptTokens);
  const endOf = (seconds: number): number =>
    Math.max(0, ...marks.filter(({ ttlSeconds }) => ttlSeconds > seconds).map(({ end }) => end));
  const longEnd = endOf(SHORT_SECONDS);
  return {
    long: Math.max(0, longEnd - cachedTokens),
    short: Math.max(0, endOf(0) - Math.max(longEnd, cachedTokens)),
  };
}
