/** A run of stream events put together to a whole answer. */
import type { Block, Message, StopReason, StreamEvent, Usage } from '../request/types.js';

export type AnswerPart =
  | { type: 'text'; text: string }
  | { type: 'thinking'; text: string }
  | { type: 'tool_use'; id: string; name: string; arguments: string };

export interface AnswerChoice {
  /** In the order they came; runs of one kind are one part. */
  parts: AnswerPart[];
  reason: StopReason;
  stopSequence: string | null;
  /** Lists of the engine's logprobs joined key by key; null when there were none. */
  logprobs: Record<string, unknown[]> | null;
  tokenIds: number[];
}

export interface Answer {
  /** At least one. */
  choices: AnswerChoice[];
  usage: Usage | null;
}

/** Puts a finished run together; events of a choice may interleave with another's. */
export function collectAnswer(events: readonly StreamEvent[]): Answer {
  const builder = new AnswerBuilder();
  for (const event of events) builder.push(event);
  return builder.answer();
}

export class AnswerBuilder {
  readonly #choices: AnswerChoice[] = [];
  /** Parts of tool calls by choice and index. */
  readonly #calls = new Map<string, Extract<AnswerPart, { type: 'tool_use' }>>();
  #usage: Usage | null = null;

  push(event: StreamEvent): void {
    switch (event.type) {
      case 'text':
        this.#text(event);
        break;
      case 'thinking':
        this.#append(event.choice, 'thinking', event.text);
        break;
      case 'tool_start': {
        const call = { type: 'tool_use' as const, id: event.id, name: event.name, arguments: '' };
        this.#choice(event.choice).parts.push(call);
        this.#calls.set(`${event.choice}.${event.index}`, call);
        break;
      }
      case 'tool_delta': {
        const call = this.#calls.get(`${event.choice}.${event.index}`);
        if (call !== undefined) call.arguments += event.arguments;
        break;
      }
      case 'finish': {
        const choice = this.#choice(event.choice);
        choice.reason = event.reason;
        choice.stopSequence = event.stopSequence ?? null;
        break;
      }
      case 'usage':
        this.#usage = event.usage;
    }
  }

  answer(): Answer {
    this.#choice(0);
    return { choices: this.#choices, usage: this.#usage };
  }

  #text(event: Extract<StreamEvent, { type: 'text' }>): void {
    const choice = this.#choice(event.choice);
    if (event.text !== '') this.#append(event.choice, 'text', event.text);
    if (event.tokenIds !== undefined) choice.tokenIds.push(...event.tokenIds);
    if (event.logprobs !== undefined) joinLogprobs(choice, event.logprobs);
  }

  #append(index: number, type: 'text' | 'thinking', text: string): void {
    const { parts } = this.#choice(index);
    const last = parts.at(-1);
    if (last?.type === type) last.text += text;
    else parts.push({ type, text });
  }

  #choice(index: number): AnswerChoice {
    while (this.#choices.length <= index) {
      this.#choices.push({ parts: [], reason: 'stop', stopSequence: null, logprobs: null, tokenIds: [] });
    }
    return this.#choices[index] as AnswerChoice;
  }
}

export function textOf(choice: AnswerChoice): string {
  return joined(choice, 'text');
}

export function thinkingOf(choice: AnswerChoice): string {
  return joined(choice, 'thinking');
}

export function callsOf(choice: AnswerChoice): Extract<AnswerPart, { type: 'tool_use' }>[] {
  return choice.parts.filter((part) => part.type === 'tool_use');
}

/** A completed call counts as `tool_use` even when the engine called it a plain stop. */
export function stopReasonOf(choice: AnswerChoice): StopReason {
  const isCall = choice.reason === 'stop' && choice.parts.some((part) => part.type === 'tool_use');
  return isCall ? 'tool_use' : choice.reason;
}

/** The answer as the assistant turn of a conversation that goes on. */
export function assistantTurn(choice: AnswerChoice): Message {
  const blocks = choice.parts.map(
    (part): Block =>
      part.type === 'tool_use'
        ? { type: 'tool_use', id: part.id, name: part.name, arguments: part.arguments }
        : { type: part.type, text: part.text },
  );
  return { role: 'assistant', blocks };
}

function joined(choice: AnswerChoice, type: 'text' | 'thinking'): string {
  return choice.parts.flatMap((part) => (part.type === type ? [part.text] : [])).join('');
}

function joinLogprobs(choice: AnswerChoice, logprobs: unknown): void {
  if (typeof logprobs !== 'object' || logprobs === null) return;
  // The engine names the lists: `toString` must not be found on an object it never was put on.
  choice.logprobs ??= Object.create(null) as Record<string, unknown[]>;
  for (const [key, list] of Object.entries(logprobs)) {
    if (!Array.isArray(list)) continue;
    const known = choice.logprobs[key];
    if (known === undefined) choice.logprobs[key] = [...list];
    else for (const entry of list) known.push(entry);
  }
}
