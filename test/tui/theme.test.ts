/** Which colours a terminal gets, and what of a foreign text reaches it. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cleanText } from '../../src/tui/clean-text.js';
import { seg, type Tone } from '../../src/tui/line.js';
import { colourDepth, isUtf8, terminalOf } from '../../src/tui/terminal.js';
import { painter } from '../../src/tui/theme.js';

const TONES: Tone[] = ['plain', 'dim', 'good', 'warn', 'bad', 'accent', 'title'];
const ESCAPE = '\u001b';

describe('colour', () => {
  it.each([
    [{}, '16'],
    [{ TERM: 'xterm-256color' }, '256'],
    [{ TERM: 'xterm-256color', COLORTERM: 'truecolor' }, 'true'],
    [{ TERM: 'xterm-256color', NO_COLOR: '1' }, 'none'],
    [{ NO_COLOR: '' }, 'none'],
    [{ TERM: 'dumb' }, 'none'],
    [{ NO_COLOR: '1', FORCE_COLOR: '3' }, 'true'],
    [{ TERM: 'xterm-256color', FORCE_COLOR: '0' }, 'none'],
    [{ FORCE_COLOR: '1', COLORTERM: 'truecolor' }, '16'],
  ] as const)('%j means %s', (env, depth) => {
    expect(colourDepth(env)).toBe(depth);
  });

  it('is left out where none is wanted: bold is the only mark then', () => {
    const paint = painter({ depth: 'none', isLight: false, isAscii: false });
    const text = TONES.map((tone) => paint([seg('word', tone)])).join('');
    expect(new Set(text.match(new RegExp(`${ESCAPE}\\[[0-9;]*m`, 'g')))).toEqual(
      new Set([`${ESCAPE}[1m`, `${ESCAPE}[0m`]),
    );
  });

  it('is another one on a light background, never yellow or cyan', () => {
    expect(terminalOf({ COLORFGBG: '0;15' }).isLight).toBe(true);
    expect(terminalOf({ COLORFGBG: '15;0' }).isLight).toBe(false);
    expect(terminalOf({ COLORFGBG: '15;0' }, { light: true }).isLight).toBe(true);
    const paint = painter({ depth: '16', isLight: true, isAscii: false });
    expect(TONES.map((tone) => paint([seg('word', tone)])).join('')).not.toMatch(/3[36]m/);
  });

  it('uses codes of the depth it has', () => {
    const good = (depth: '16' | '256' | 'true') =>
      painter({ depth, isLight: false, isAscii: false })([seg('word', 'good')]);
    expect(good('16')).toBe(`${ESCAPE}[32mword${ESCAPE}[0m`);
    expect(good('256')).toContain('[38;5;');
    expect(good('true')).toContain('[38;2;');
  });
});

describe('text from outside', () => {
  it('cannot move the cursor, hide anything or take two cells', () => {
    expect(cleanText('\u001b[2Jred\u0007 漢字 🙂 e\u0301\u202e', false)).toBe('?[2Jred? ?? ?? e??');
    expect(cleanText('naïve ·', false)).toBe('naïve ·');
    expect(cleanText('naïve ·', true)).toBe('na?ve |');
  });

  it('keeps its length, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.boolean(), (text, isAscii) => {
        expect(cleanText(text, isAscii)).toHaveLength(text.length);
      }),
    );
  });
});

it('an unknown locale is taken for ASCII on Linux', () => {
  expect(isUtf8({ LANG: 'C' })).toBe(process.platform !== 'linux');
  expect(isUtf8({ LANG: 'en_GB.UTF-8' })).toBe(true);
  expect(terminalOf({ LANG: 'en_GB.UTF-8' }, { ascii: true }).isAscii).toBe(true);
});
