/** What the terminal can show, from its environment and the user's flags. Pure. */

export type ColourDepth = 'none' | '16' | '256' | 'true';
export type Environment = Record<string, string | undefined>;

export interface TerminalWish {
  /** `--ascii`, `--light`, `--screen-reader`: absent means look at the environment. */
  ascii?: boolean | undefined;
  light?: boolean | undefined;
  screenReader?: boolean | undefined;
}

export interface Terminal {
  depth: ColourDepth;
  isAscii: boolean;
  isLight: boolean;
  isScreenReader: boolean;
}

export function terminalOf(env: Environment, wish: TerminalWish = {}): Terminal {
  return {
    depth: colourDepth(env),
    isAscii: wish.ascii ?? !isUtf8(env),
    isLight: wish.light ?? isLightBackground(env),
    isScreenReader: wish.screenReader ?? env['INK_SCREEN_READER'] === 'true',
  };
}

/** A terminal that cannot move its cursor gets plain lines. */
export const canDraw = (env: Environment): boolean => env['TERM'] !== 'dumb' && env['TERM'] !== '';

/** `FORCE_COLOR` (0-3) before `NO_COLOR` (any value), as in Node itself; then what `COLORTERM` and `TERM` say. */
export function colourDepth(env: Environment): ColourDepth {
  const forced = FORCED[env['FORCE_COLOR'] ?? 'absent'];
  if (forced !== undefined) return forced;
  if (env['NO_COLOR'] !== undefined || env['TERM'] === 'dumb') return 'none';
  if (/^(?:truecolor|24bit)$/i.test(env['COLORTERM'] ?? '')) return 'true';
  const term = env['TERM'] ?? '';
  if (/-direct$|kitty|ghostty|alacritty/.test(term)) return 'true';
  return /256/.test(term) ? '256' : '16';
}

const FORCED: Record<string, ColourDepth> = {
  '0': 'none',
  false: 'none',
  '': '16',
  true: '16',
  '1': '16',
  '2': '256',
  '3': 'true',
};

/** `COLORFGBG` ends with the background's colour: 7 and 15 are white. Most terminals do not say; dark is more common. */
function isLightBackground(env: Environment): boolean {
  const background = env['COLORFGBG']?.split(';').at(-1);
  return background === '7' || background === '15';
}

/** Whether the locale says UTF-8; what it does not say is taken for ASCII only on Linux consoles without a locale. */
export function isUtf8(env: Environment): boolean {
  const locale = env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'] || '';
  return process.platform === 'win32' || process.platform === 'darwin' || /utf-?8/i.test(locale);
}
