/** `<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>name<｜tool▁sep｜>{…}<｜tool▁call▁end｜> … <｜tool▁calls▁end｜>`: DeepSeek V3.1 and later. */
import { objectText } from './argument-values.js';
import { endOfJson } from './json-end.js';
import type { ParsedCall, TaggedFormat } from './types.js';

const CALL = '<｜tool▁call▁begin｜>';
const SEPARATOR = '<｜tool▁sep｜>';
const CALL_END = '<｜tool▁call▁end｜>';

export const deepseekFormat: TaggedFormat = {
  open: ['<｜tool▁calls▁begin｜>'],
  close: () => '<｜tool▁calls▁end｜>',
  read(body, tools, _open, isLast) {
    const calls: ParsedCall[] = [];
    for (let rest = body.trim(); rest !== ''; ) {
      const separator = rest.indexOf(SEPARATOR);
      if (!rest.startsWith(CALL) || separator < 0) return 'text';
      const name = rest.slice(CALL.length, separator).trim();
      const after = rest.slice(separator + SEPARATOR.length).trimStart();
      if (!tools.has(name) || !after.startsWith('{')) return 'text';
      const end = endOfJson(after);
      if (end === null) return isLast ? 'text' : 'incomplete';
      const json = objectText(after.slice(0, end));
      const tail = after.slice(end).trimStart();
      if (json === null || (!tail.startsWith(CALL_END) && !(isLast && tail === ''))) return 'text';
      calls.push({ name, arguments: json });
      rest = tail.slice(CALL_END.length).trim();
    }
    return calls.length === 0 ? 'text' : calls;
  },
};
