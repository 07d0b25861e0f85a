/** Tones as colours every terminal has. Words carry the state; colour only helps. */
import type { Tone } from './line.js';

export interface Look {
  color?: string;
  dimColor?: boolean;
  bold?: boolean;
}

const COLOURED: Record<Tone, Look> = {
  plain: {},
  dim: { dimColor: true },
  good: { color: 'green' },
  warn: { color: 'yellow' },
  bad: { color: 'red', bold: true },
  accent: { color: 'cyan' },
  title: { bold: true },
};

const COLOURLESS: Record<Tone, Look> = {
  ...COLOURED,
  good: {},
  warn: { bold: true },
  bad: { bold: true },
  accent: {},
};

/** `NO_COLOR` (any value) and dumb terminals get no colour. */
export function looksFor(env: Record<string, string | undefined>): Record<Tone, Look> {
  return env['NO_COLOR'] !== undefined || env['TERM'] === 'dumb' ? COLOURLESS : COLOURED;
}

/** Whether the locale says UTF-8; what it does not say is taken for ASCII only on Linux consoles without a locale. */
export function isUtf8(env: Record<string, string | undefined>): boolean {
  const locale = env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'] || '';
  return process.platform === 'win32' || process.platform === 'darwin' || /utf-?8/i.test(locale);
}
