import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Region } from '../../src/prompt/types.js';
import type { CommonRequest, Message } from '../../src/request/types.js';
import type { RetentionChanges } from '../../src/retention/policy-table.js';
import { cacheMarks, retentionSpans } from '../../src/retention/spans.js';

const REGIONS: Region[] = [
  { kind: 'system', start: 0, end: 100, message: 0 },
  { kind: 'tools', start: 100, end: 300, message: -1 },
  { kind: 'conversation', start: 300, end: 400, message: 1 },
  { kind: 'tool_result', start: 400, end: 450, message: 2 },
  { kind: 'conversation', start: 450, end: 460, message: 3 },
];
const text = (value: string, ttlSeconds?: number): Message => ({
  role: 'user',
  blocks: [{ type: 'text', text: value, ...(ttlSeconds === undefined ? {} : { cache: { ttlSeconds } }) }],
});

function request(
  over: { messages?: Message[]; isFinal?: boolean; ttl?: number; toolTtl?: number } = {},
): CommonRequest {
  const tool = {
    name: 't',
    parameters: {},
    ...(over.toolTtl === undefined ? {} : { cache: { ttlSeconds: over.toolTtl } }),
  };
  return {
    input: { kind: 'chat', messages: over.messages ?? [text('s'), text('u'), text('r'), text('q')] },
    tools: [tool],
    hints: over.ttl === undefined ? {} : { cacheControl: { ttlSeconds: over.ttl } },
    session: { id: 'x', isFinal: over.isFinal ?? false, harness: 'unknown', role: 'main' },
  } as unknown as CommonRequest;
}

const at = (spans: ReturnType<typeof retentionSpans>, token: number) => {
  const { priority, durationMs } = spans.find(({ start, end }) => start <= token && token < end)!;
  return [priority, durationMs];
};

describe('the worth of a range', () => {
  it('follows its kind: system and tools last to go, output first', () => {
    const spans = retentionSpans(request(), REGIONS, 460, 100);
    expect([at(spans, 0), at(spans, 299), at(spans, 300), at(spans, 459), at(spans, 500)]).toEqual([
      [100, 0],
      [100, 0],
      [60, 30_000],
      [60, 30_000],
      [20, 30_000],
    ]);
    expect(spans).toHaveLength(3);
  });

  it('rises up to a mark, for as long as was asked', () => {
    const spans = retentionSpans(
      request({ messages: [text('s'), text('u', 3_600), text('r'), text('q')] }),
      REGIONS,
      460,
      9,
    );
    expect([at(spans, 0), at(spans, 399), at(spans, 400)]).toEqual([
      [100, 3_600_000],
      [80, 3_600_000],
      [60, 30_000],
    ]);
  });

  it('of a mark on the tools ends with them, of one on the request with the prompt', () => {
    expect(cacheMarks(request({ toolTtl: 300, ttl: 3_600 }), REGIONS, 460)).toEqual([
      { end: 300, ttlSeconds: 300 },
      { end: 460, ttlSeconds: 3_600 },
    ]);
  });

  it('of a finished session is little, but what others share stays', () => {
    const spans = retentionSpans(request({ isFinal: true }), REGIONS, 460, 9);
    expect([at(spans, 0), at(spans, 350), at(spans, 461)]).toEqual([
      [100, 0],
      [10, 0],
      [10, 0],
    ]);
  });
});

it('spans tile the prompt and the answer, whatever the regions are', () => {
  const kinds = ['system', 'tools', 'conversation', 'tool_result', 'reasoning'] as const;
  const parts = fc.array(fc.tuple(fc.constantFrom(...kinds), fc.integer({ min: 1, max: 50 })), {
    minLength: 1,
    maxLength: 12,
  });
  fc.assert(
    fc.property(parts, fc.integer({ min: 0, max: 90 }), (all, output) => {
      let start = 0;
      const regions = all.map(([kind, length], message) => {
        const from = start;
        start += length;
        return { kind, start: from, end: start, message };
      });
      const spans = retentionSpans(request(), regions, start, output);
      expect(spans[0]!.start).toBe(0);
      expect(spans.at(-1)!.end).toBe(start + Math.max(1, output));
      for (const [index, span] of spans.entries())
        if (index > 0) expect(span.start).toBe(spans[index - 1]!.end);
    }),
  );
});

describe('the table', () => {
  const spansOf = (recipe?: RetentionChanges, key?: RetentionChanges) => {
    const plain = request();
    const keyed = key === undefined ? plain : { ...plain, hints: { ...plain.hints, retention: key } };
    return retentionSpans(keyed, REGIONS, 460, 10, recipe);
  };

  it('is changed by a recipe, and that by a key, field by field', () => {
    expect(at(spansOf(), 350)).toEqual([60, 30_000]);
    expect(at(spansOf({ conversation: { priority: 40 } }), 350)).toEqual([40, 30_000]);
    const both = spansOf(
      { conversation: { priority: 40 } },
      { conversation: { durationMs: 5 }, tools: { priority: 1 } },
    );
    expect(at(both, 350)).toEqual([40, 5]);
    expect(at(both, 150)).toEqual([1, 0]);
    expect(at(both, 50)).toEqual([100, 0]);
  });

  it('counts no mark of a key that has its share', () => {
    const marked = request({ ttl: 3_600 });
    const refused = { ...marked, hints: { ...marked.hints, isUnmarked: true as const } };
    expect(at(retentionSpans(marked, REGIONS, 460, 10), 350)).toEqual([80, 3_600_000]);
    expect(at(retentionSpans(refused, REGIONS, 460, 10), 350)).toEqual([60, 30_000]);
    expect(cacheMarks(refused, REGIONS, 460)).toEqual([]);
  });
});
