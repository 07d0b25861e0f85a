/** Llama 3's bare JSON: the whole output is `{"name": …, "parameters": {…}}`, several separated by `;`, perhaps after a tag. */
import { LIMITS } from '../../limits.js';
import { jsonCall } from './json-calls.js';
import { endOfJson } from './json-end.js';
import { textTo } from './tagged-parser.js';
import type { DeclaredTools, OutputParser, Parsed, ParsedCall } from './types.js';

const TAG = '<|python_tag|>';

export class LlamaParser implements OutputParser {
  readonly #tools: DeclaredTools;
  #pending = '';
  /** It began like anything but a call: all of it is text. */
  #isText = false;

  constructor(tools: DeclaredTools) {
    this.#tools = tools;
  }

  push(text: string): Parsed[] {
    this.#pending += text;
    if (!this.#isText && this.#mayBeCalls()) return [];
    this.#isText = true;
    return this.#flush();
  }

  finish(): Parsed[] {
    const calls = this.#isText ? null : this.#calls();
    if (calls === null) return this.#flush();
    this.#pending = '';
    return calls.map((call) => ({ kind: 'call', call }));
  }

  #flush(): Parsed[] {
    const out: Parsed[] = [];
    textTo(out, this.#pending);
    this.#pending = '';
    return out;
  }

  #mayBeCalls(): boolean {
    const start = this.#pending.trimStart();
    const isOpen = start === '' || start.startsWith('{') || TAG.startsWith(start.slice(0, TAG.length));
    return isOpen && this.#pending.length <= LIMITS.toolCallChars;
  }

  #calls(): ParsedCall[] | null {
    let rest = this.#pending.trim();
    if (rest.startsWith(TAG)) rest = rest.slice(TAG.length).trim();
    const calls: ParsedCall[] = [];
    while (rest !== '') {
      const end = rest.startsWith('{') ? endOfJson(rest) : null;
      const call = end === null ? null : jsonCall(parsed(rest.slice(0, end)), this.#tools);
      if (call === null) return null;
      calls.push(call);
      rest = rest.slice(end!).trimStart().replace(/^;/, '').trimStart();
    }
    return calls.length === 0 ? null : calls;
  }
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
