/** `<tool_call>{"name": …, "arguments": {…}}</tool_call>`: Hermes, Qwen 2.5 and 3, SmolLM2 (there also a list of calls). */
import { jsonCalls } from './json-calls.js';
import type { TaggedFormat } from './types.js';

export const hermesFormat: TaggedFormat = {
  open: ['<tool_call>'],
  close: () => '</tool_call>',
  read: (body, tools, _open, isLast) => jsonCalls(body, tools, isLast),
};
