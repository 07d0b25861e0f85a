/** The line above a list: what it holds, and the filter with its cursor. */
import { clip, type Line, seg } from '../line.js';
import type { UiState } from '../ui-state.js';

export function filterLine(about: string, { filter, isTyping }: UiState, columns: number): Line {
  const shown: Line =
    isTyping || filter !== ''
      ? [seg('  filter: ', 'accent'), seg(`${filter}${isTyping ? '_' : ''}`, 'title')]
      : [];
  return clip([seg(about, 'dim'), ...shown], columns);
}
