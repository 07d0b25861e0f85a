/** What a view may fill. */
import type { Glyphs } from '../line.js';

export interface Room {
  columns: number;
  rows: number;
  glyphs: Glyphs;
}
