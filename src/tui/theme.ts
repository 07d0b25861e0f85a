/**
 * Tones as escape codes. Words carry the state; colour only helps. With 256 colours and more they are those of Okabe and
 * Ito, which people who see few colours still tell apart; with 16 they are the terminal's own.
 */
import { cleanText } from './clean-text.js';
import type { Line, Tone } from './line.js';
import type { ColourDepth } from './terminal.js';

export interface Palette {
  depth: ColourDepth;
  isLight: boolean;
  isAscii: boolean;
}

type Codes = Record<Tone, string>;

const NONE: Codes = { plain: '', dim: '', good: '', warn: '1', bad: '1', accent: '', title: '1' };
const BASIC: Codes = { plain: '', dim: '2', good: '32', warn: '33', bad: '1;31', accent: '36', title: '1' };
/** Yellow and cyan cannot be read on white. */
const BASIC_LIGHT: Codes = { ...BASIC, warn: '1;35', accent: '34' };

/** [256-colour code, red;green;blue] */
type Pair = readonly [number, string];
type Hues = Record<'good' | 'warn' | 'bad' | 'accent', Pair>;
const DARK: Hues = {
  good: [36, '0;180;130'],
  warn: [214, '230;159;0'],
  bad: [208, '240;110;30'],
  accent: [74, '86;180;233'],
};
const LIGHT: Hues = {
  good: [29, '0;110;80'],
  warn: [130, '150;90;0'],
  bad: [160, '190;60;0'],
  accent: [25, '0;90;160'],
};

function codesOf({ depth, isLight }: Palette): Codes {
  if (depth === 'none') return NONE;
  if (depth === '16') return isLight ? BASIC_LIGHT : BASIC;
  const hues = isLight ? LIGHT : DARK;
  const hue = ([index, rgb]: Pair) => (depth === '256' ? `38;5;${index}` : `38;2;${rgb}`);
  return {
    ...BASIC,
    good: hue(hues.good),
    warn: hue(hues.warn),
    bad: `1;${hue(hues.bad)}`,
    accent: hue(hues.accent),
  };
}

/** A function that turns a line into what the terminal gets; its width stays the same. */
export function painter(palette: Palette): (line: Line) => string {
  const codes = codesOf(palette);
  return (line) =>
    line
      .map(({ text, tone }) => {
        const clean = cleanText(text, palette.isAscii);
        const code = codes[tone];
        return code === '' || clean.trim() === '' ? clean : `\u001b[${code}m${clean}\u001b[0m`;
      })
      .join('');
}
