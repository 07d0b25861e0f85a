/**
 * `<|tool_calls_section_begin|><|tool_call_begin|>functions.name:0<|tool_call_argument_begin|>{…}<|tool_call_end|> …
 * <|tool_calls_section_end|>`: Kimi-K2 and later.
 */
import { type Enclosing, enclosedCalls } from './enclosed-json.js';
import type { TaggedFormat } from './types.js';

/** The name stands in the call's id, between its kind and its number. */
const ID = /^(?:functions\.)?(.{1,256}?)(?::\d{1,9})?$/s;

const FRAME: Enclosing = {
  open: '<|tool_call_begin|>',
  separator: '<|tool_call_argument_begin|>',
  close: '<|tool_call_end|>',
  nameOf: (head) => ID.exec(head)?.[1],
};

export const kimiFormat: TaggedFormat = {
  open: ['<|tool_calls_section_begin|>'],
  close: () => '<|tool_calls_section_end|>',
  read: (body, tools, _open, isLast) => enclosedCalls(body, tools, isLast, FRAME),
};
