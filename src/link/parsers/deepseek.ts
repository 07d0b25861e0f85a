/** `<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>name<｜tool▁sep｜>{…}<｜tool▁call▁end｜> … <｜tool▁calls▁end｜>`: DeepSeek V3.1. */
import { type Enclosing, enclosedCalls } from './enclosed-json.js';
import type { TaggedFormat } from './types.js';

const FRAME: Enclosing = {
  open: '<｜tool▁call▁begin｜>',
  separator: '<｜tool▁sep｜>',
  close: '<｜tool▁call▁end｜>',
  nameOf: (head) => head,
};

export const deepseekFormat: TaggedFormat = {
  open: ['<｜tool▁calls▁begin｜>'],
  close: () => '<｜tool▁calls▁end｜>',
  read: (body, tools, _open, isLast) => enclosedCalls(body, tools, isLast, FRAME),
};
