/** One agent's conversation as the bytes of its requests: system, tools, many turns, and one turn more each time. */

import { type AgentText, agentText } from './agent-text.js';
import { ANSWER_TEXT } from './upstream-answer.js';

export interface SessionOptions {
  model: string;
  /** The same seed gives the same bytes; another gives another conversation from the first token on. */
  seed: number;
  /** Length of the first request's body. */
  bytes: number;
  isStream: boolean;
}

const SYSTEM_BYTES_MAX = 9_000;
const TOOL_RESULT_BYTES_MAX = 2_500;
/** Largest share of the body one added turn has, and its largest size. */
const TURN_SHARE = 1 / 16;
const TURN_BYTES_MAX = 2_048;
const MANY_TOOLS_BYTES = 20_000;
const ANSWER_TOKENS_MAX = 512;

/** Length of what one turn adds to a body that began with `bytes`. */
export const turnBytes = (bytes: number): number => Math.min(TURN_BYTES_MAX, Math.round(bytes * TURN_SHARE));

export class AgentSession {
  readonly id: string;
  readonly #text: AgentText;
  readonly #tail: Buffer;
  readonly #turnBytes: number;
  #buffer: Buffer;
  /** Where the messages end and the tail begins. */
  #end: number;

  constructor(options: SessionOptions) {
    const { model, seed, bytes, isStream } = options;
    this.id = `bench-${seed}`;
    this.#text = agentText(seed);
    this.#turnBytes = turnBytes(bytes);
    this.#tail = Buffer.from(tail(this.#text, bytes, isStream));
    const head = Buffer.from(this.#opening(model, bytes - this.#tail.length));
    this.#buffer = Buffer.alloc(bytes * 2);
    this.#end = head.copy(this.#buffer);
    this.#close();
  }

  /** The body of the next request. Valid until `addTurn`. */
  get body(): Buffer {
    return this.#buffer.subarray(0, this.#end + this.#tail.length);
  }

  /** The answer came, the agent goes on. */
  addTurn(): void {
    const answer = message({ role: 'assistant', content: ANSWER_TEXT });
    const said = this.#text(Math.max(16, this.#turnBytes - answer.length));
    const turn = Buffer.from(`,${answer},${message({ role: 'user', content: said })}`);
    if (this.#end + turn.length + this.#tail.length > this.#buffer.length)
      this.#buffer = Buffer.concat([this.#buffer, Buffer.alloc(this.#buffer.length)]);
    this.#end += turn.copy(this.#buffer, this.#end);
    this.#close();
  }

  #close(): void {
    this.#tail.copy(this.#buffer, this.#end);
  }

  /** Everything before the messages' closing bracket. */
  #opening(model: string, bytes: number): string {
    const system = this.#text(Math.min(SYSTEM_BYTES_MAX, Math.round(bytes / 4)));
    let text = `{"model":${JSON.stringify(model)},"messages":[${message({ role: 'system', content: system })}`;
    text += `,${message({ role: 'user', content: this.#text(300) })}`;
    const last = `,${message({ role: 'user', content: 'Go on.' })}`;
    for (let call = 0; text.length + last.length < bytes; call += 1)
      text += this.#toolTurn(call, bytes - text.length - last.length);
    return text + last;
  }

  #toolTurn(call: number, left: number): string {
    const id = `call_${call}`;
    const asked = {
      name: `tool_${call % 4}`,
      arguments: JSON.stringify({ path: `/src/file_${call}.ts` }),
    };
    const assistant = {
      role: 'assistant',
      content: this.#text(120),
      tool_calls: [{ id, type: 'function', function: asked }],
    };
    const size = Math.min(TOOL_RESULT_BYTES_MAX, Math.max(100, left - 450));
    return `,${message(assistant)},${message({ role: 'tool', tool_call_id: id, content: this.#text(size) })}`;
  }
}

const message = (value: object): string => JSON.stringify(value);

function tail(text: AgentText, bytes: number, isStream: boolean): string {
  const tools = Array.from({ length: bytes > MANY_TOOLS_BYTES ? 12 : 4 }, (_, index) => ({
    type: 'function',
    function: {
      name: `tool_${index}`,
      description: text(bytes > MANY_TOOLS_BYTES ? 500 : Math.round(bytes / 64)),
      parameters: {
        type: 'object',
        properties: { path: { type: 'string', description: text(80) }, limit: { type: 'integer' } },
        required: ['path'],
      },
    },
  }));
  const rest = {
    tools,
    max_tokens: ANSWER_TOKENS_MAX,
    temperature: 0.2,
    stream: isStream,
    ...(isStream ? { stream_options: { include_usage: true } } : {}),
  };
  return `],${JSON.stringify(rest).slice(1)}`;
}
