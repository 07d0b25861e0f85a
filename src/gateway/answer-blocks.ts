/** An answer as the blocks its client will send back as history. */
import type { Block, DialectName, StreamEvent } from '../request/types.js';

/** Fed with the events of the first choice, in order. */
export class AnswerBlocks {
  readonly #dialect: DialectName;
  readonly #blocks: Block[] = [];
  readonly #calls = new Map<number, Extract<Block, { type: 'tool_use' }>>();

  constructor(dialect: DialectName) {
    this.#dialect = dialect;
  }

  push(event: StreamEvent): void {
    if ('choice' in event && event.choice !== 0) return;
    if (event.type === 'text' || event.type === 'thinking') this.#say(event.type, event.text);
    else if (event.type === 'tool_start') {
      const call: Block = { type: 'tool_use', id: event.id, name: event.name, arguments: '' };
      this.#calls.set(event.index, call);
      this.#blocks.push(call);
    } else if (event.type === 'tool_delta') {
      const call = this.#calls.get(event.index);
      if (call !== undefined) call.arguments += event.arguments;
    }
  }

  blocks(): Block[] {
    return this.#blocks.map((block) =>
      block.type === 'tool_use' && this.#dialect === 'messages'
        ? { ...block, arguments: asObject(block.arguments) }
        : block,
    );
  }

  #say(type: 'text' | 'thinking', text: string): void {
    const last = this.#blocks.at(-1);
    if (last?.type === type) last.text += text;
    else if (text !== '') this.#blocks.push({ type, text });
  }
}

/** Clients of the Messages API get arguments as an object and send them back as one: the text's spaces are gone then. */
function asObject(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text));
  } catch {
    return text;
  }
}
