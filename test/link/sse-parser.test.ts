import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SseParser } from '../../src/link/sse-parser.js';

function parse(
  chunks: readonly Buffer[],
  maxBytes?: number,
): { events: [string, string][]; overflow: number[] } {
  const events: [string, string][] = [];
  const overflow: number[] = [];
  const parser = new SseParser(
    { onEvent: (data, name) => events.push([data, name]), onOverflow: (bytes) => overflow.push(bytes) },
    maxBytes,
  );
  for (const chunk of chunks) parser.push(chunk);
  parser.end();
  return { events, overflow };
}

function cut(bytes: Buffer, at: readonly number[]): Buffer[] {
  const places = [
    0,
    ...[...at].sort((a, b) => a - b).map((place) => place % (bytes.length + 1)),
    bytes.length,
  ].sort((a, b) => a - b);
  return places.slice(1).map((end, n) => bytes.subarray(places[n], end));
}

describe('SSE parser', () => {
  it('reads the same events however the bytes are cut, with LF or CRLF, inside UTF-8 too', () => {
    // Text without line ends; a data line keeps what it is given, except one leading space.
    const line = fc.string({ unit: 'grapheme' }).map((text) => text.replace(/[\r\n]/g, ''));
    const event = fc.record({
      lines: fc.array(line, { minLength: 1, maxLength: 3 }),
      name: fc.constantFrom('', 'error', 'ping'),
    });
    const stream = fc.record({
      events: fc.array(event, { maxLength: 6 }),
      eol: fc.constantFrom('\n', '\r\n'),
      space: fc.constantFrom('', ' '),
      cuts: fc.array(fc.nat(4_000), { maxLength: 30 }),
    });
    fc.assert(
      fc.property(stream, ({ events, eol, space, cuts }) => {
        const text = events
          .map(({ lines, name }) => {
            const head = name === '' ? '' : `event: ${name}${eol}`;
            // With `data:x` a leading space of x itself would be taken as the separator.
            const rows = lines.map(
              (row) => `data:${space === '' && row.startsWith(' ') ? ' ' : space}${row}${eol}`,
            );
            return `: comment${eol}${head}${rows.join('')}id: 7${eol}${eol}`;
          })
          .join('');
        const wanted = events.map(({ lines, name }) => [lines.join('\n'), name]);
        expect(parse(cut(Buffer.from(text), cuts)).events).toEqual(wanted);
      }),
      { numRuns: 300 },
    );
  });

  it('ignores a byte order mark and events without data, and keeps a last event without its empty line', () => {
    const { events } = parse([Buffer.from('\uFEFFdata: a\n\nevent: ping\n\n\n\ndata: [DONE]')]);
    expect(events).toEqual([
      ['a', ''],
      ['[DONE]', ''],
    ]);
  });

  it.each([
    ['one endless line', ['data: ', 'x'.repeat(60), 'x'.repeat(60)]],
    ['one long line in one chunk', [`data: ${'x'.repeat(120)}\n\n`]],
    ['many lines of one event', [`data: ${'x'.repeat(60)}\n`, `data: ${'x'.repeat(60)}\n`, '\n']],
  ])('stops at %s over the bound and says so once', (_name, chunks) => {
    const { events, overflow } = parse(
      [...chunks, 'data: late\n\n'].map((chunk) => Buffer.from(chunk)),
      100,
    );
    expect(events).toEqual([]);
    expect(overflow).toHaveLength(1);
  });
});
