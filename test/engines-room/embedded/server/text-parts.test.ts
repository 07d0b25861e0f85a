/** The small machines text goes through give the same result however it is cut into pieces. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CallReader } from '../../../../src/engines/embedded/server/call-reader.js';
import { StopStrings } from '../../../../src/engines/embedded/server/stop-strings.js';
import { Utf8Text } from '../../../../src/engines/embedded/server/utf8-text.js';
import { mayBeCalls, writtenCalls } from '../../../../src/engines/embedded/server/written-calls.js';

/** A list cut at random places. */
function pieces<Item>(items: readonly Item[], cuts: readonly number[]): Item[][] {
  const places = [...new Set(cuts.map((cut) => cut % (items.length + 1)))].sort((a, b) => a - b);
  return [0, ...places].map((from, at) => items.slice(from, places[at] ?? items.length));
}

const cuts = fc.array(fc.nat(), { maxLength: 12 });
const few = fc.string({ unit: fc.constantFrom('a', 'b', 'é', '😀'), maxLength: 20 });

describe('stop strings', () => {
  /** What the text is up to the first stop string: the earliest in the text, of two at one place the first given. */
  function expected(text: string, stops: readonly string[], includes: boolean) {
    const found = stops
      .map((stop, order) => ({ stop, order, at: text.indexOf(stop) }))
      .filter(({ stop, at }) => stop !== '' && at !== -1)
      .sort((a, b) => a.at + a.stop.length - (b.at + b.stop.length) || a.at - b.at)[0];
    return found === undefined
      ? { text, isStopped: false }
      : { text: text.slice(0, found.at + (includes ? found.stop.length : 0)), isStopped: true };
  }

  it('cut the text at the first complete one, letter by letter', () => {
    fc.assert(
      fc.property(few, fc.array(few, { maxLength: 4 }), fc.boolean(), (text, stops, includes) => {
        const machine = new StopStrings(stops, includes);
        let shown = '';
        let isStopped = false;
        for (const char of text) {
          const found = machine.push(char);
          shown += found.text;
          isStopped = found.stop !== null;
          if (isStopped) break;
        }
        if (!isStopped) shown += machine.flush();
        expect({ text: shown, isStopped }).toEqual(expected(text, stops, includes));
      }),
    );
  });

  it('never show the beginning of one that then comes', () => {
    fc.assert(
      fc.property(few, few, cuts, (before, stop, places) => {
        fc.pre(stop !== '' && !(before + stop).slice(0, -1).includes(stop));
        const machine = new StopStrings([stop], false);
        const shown = pieces([...(before + stop)], places).map((piece) => machine.push(piece.join('')).text);
        expect(shown.join('')).toBe(before);
      }),
    );
  });
});

describe('UTF-8', () => {
  it('is the same text in any pieces', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), cuts, (text, places) => {
        const decoder = new Utf8Text();
        const shown = pieces([...Buffer.from(text)], places).map((piece) =>
          decoder.push(Uint8Array.from(piece)),
        );
        expect(shown.join('')).toBe(Buffer.from(text).toString());
      }),
    );
  });

  it('of bytes that are no text is replaced, and never throws', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const whole = Buffer.from(bytes).toString();
        expect(whole.startsWith(new Utf8Text().push(bytes))).toBe(true);
      }),
    );
  });
});

describe('a call as it is generated', () => {
  it('gives its name once and exactly its arguments, in any pieces', () => {
    const blank = fc.constantFrom('', ' ', '\n');
    const values = fc.dictionary(fc.string(), fc.jsonValue());
    fc.assert(
      fc.property(fc.string(), values, blank, cuts, (name, args, gap, places) => {
        const json = JSON.stringify(args, null, gap === '' ? undefined : 1);
        const text = `{${gap}"name":${gap}${JSON.stringify(name)},${gap}"arguments":${gap}${json}${gap}}`;
        const reader = new CallReader();
        const told = pieces([...text], places).flatMap((piece) => reader.push(piece.join('')));
        expect(told.filter(({ kind }) => kind === 'start')).toEqual([{ kind: 'start', name }]);
        expect(told.flatMap((piece) => (piece.kind === 'arguments' ? [piece.text] : [])).join('')).toBe(json);
      }),
    );
  });
});

describe('written calls', () => {
  it('are read in whatever JSON they hold, and were possible all along', () => {
    const names = new Set(['f']);
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.boolean(), (args, isTagged) => {
        const json = JSON.stringify({ name: 'f', arguments: args });
        // A closing tag inside an argument cannot be told from the call's own.
        fc.pre(!json.includes('</tool_call>'));
        const text = isTagged ? `<tool_call>${json}</tool_call>` : json;
        expect(writtenCalls(text, names)).toEqual([{ name: 'f', arguments: JSON.stringify(args) }]);
        for (let end = 0; end <= text.length; end += 1) expect(mayBeCalls(text.slice(0, end))).toBe(true);
      }),
    );
  });
});
