/** Flags of the live screen, the same for `up` and `top`. */
import { Flags } from '@oclif/core';

export const screenFlags = {
  ascii: Flags.boolean({ description: 'draw the screen with ASCII only [default: by locale]' }),
  light: Flags.boolean({ description: 'colours for a light background [default: by COLORFGBG]' }),
  'screen-reader': Flags.boolean({
    description: 'sentences instead of tables and graphs [default: by INK_SCREEN_READER]',
  }),
  readonly: Flags.boolean({ description: 'the screen cannot drain or restart workers', default: false }),
};

/** What the terminal lacks is found out where no flag says it. */
export function screenWish(flags: {
  ascii?: boolean;
  light?: boolean;
  'screen-reader'?: boolean;
  readonly: boolean;
}): {
  isReadonly: boolean;
  wish: {
    ascii: boolean | undefined;
    light: boolean | undefined;
    screenReader: boolean | undefined;
  };
} {
  const { ascii, light, readonly, 'screen-reader': screenReader } = flags;
  return { isReadonly: readonly, wish: { ascii, light, screenReader } };
}

/** Whether a screen can be drawn: both ends are a terminal, and it can move its cursor. */
export const hasScreen = (): boolean =>
  process.stdout.isTTY === true && process.stdin.isTTY === true && process.env['TERM'] !== 'dumb';

/** Whether progress on stderr can be drawn in place. */
export const canRedraw = (): boolean => process.stderr.isTTY === true && process.env['TERM'] !== 'dumb';
