/** One output item while it grows: the events of its life and its object at any moment. */
import { isFields } from '../fields.js';
import { summaryBlob } from './compaction.js';
import { FreeformReader } from './freeform-reader.js';
import { reasoningBlob } from './reasoning-blob.js';
import type { ToolOrigin } from './tool-names.js';

export type ResponseEvent = { type: string } & Record<string, unknown>;

export type ItemStatus = 'in_progress' | 'completed' | 'incomplete';

/** Its id and place are the same in every event and in the final response. */
export interface OutputItem {
  readonly kind: 'message' | 'reasoning' | 'call' | 'compaction';
  /** Events that announce it. */
  open(): ResponseEvent[];
  /** Events for more text or arguments. */
  grow(text: string, logprobs?: unknown): ResponseEvent[];
  /** Events that end it, `response.output_item.done` with the whole item last. */
  close(status: ItemStatus): ResponseEvent[];
  object(): Record<string, unknown>;
}

abstract class Growing {
  protected text = '';
  protected status: ItemStatus = 'in_progress';

  constructor(
    protected readonly id: string,
    protected readonly place: number,
  ) {}

  abstract object(): Record<string, unknown>;

  protected added(): ResponseEvent {
    return { type: 'response.output_item.added', output_index: this.place, item: this.object() };
  }

  protected done(status: ItemStatus): ResponseEvent {
    this.status = status;
    return { type: 'response.output_item.done', output_index: this.place, item: this.object() };
  }

  /** Fields every event about this item carries. */
  protected at(type: string, more: Record<string, unknown> = {}): ResponseEvent {
    return { type, item_id: this.id, output_index: this.place, ...more };
  }
}

export class MessageItem extends Growing implements OutputItem {
  readonly kind = 'message';
  readonly #logprobs: unknown[] = [];
  #hasPart = false;

  open(): ResponseEvent[] {
    const added = this.added();
    this.#hasPart = true;
    return [added, this.at('response.content_part.added', { content_index: 0, part: this.#part() })];
  }

  grow(text: string, logprobs?: unknown): ResponseEvent[] {
    const list = isFields(logprobs) && Array.isArray(logprobs['content']) ? logprobs['content'] : [];
    this.text += text;
    this.#logprobs.push(...list);
    if (text === '') return [];
    return [this.at('response.output_text.delta', { content_index: 0, delta: text, logprobs: list })];
  }

  close(status: ItemStatus): ResponseEvent[] {
    const more = { content_index: 0, text: this.text, logprobs: this.#logprobs };
    return [
      this.at('response.output_text.done', more),
      this.at('response.content_part.done', { content_index: 0, part: this.#part() }),
      this.done(status),
    ];
  }

  object(): Record<string, unknown> {
    const content = this.#hasPart ? [this.#part()] : [];
    return { id: this.id, type: 'message', status: this.status, role: 'assistant', content };
  }

  #part(): Record<string, unknown> {
    return { type: 'output_text', text: this.text, annotations: [], logprobs: [...this.#logprobs] };
  }
}

export class ReasoningItem extends Growing implements OutputItem {
  readonly kind = 'reasoning';
  #hasPart = false;

  constructor(
    id: string,
    place: number,
    private readonly wants: { summary: boolean; encrypted: boolean },
  ) {
    super(id, place);
  }

  open(): ResponseEvent[] {
    const added = this.added();
    this.#hasPart = true;
    return [added, this.#partEvent('added')];
  }

  grow(text: string): ResponseEvent[] {
    this.text += text;
    return text === '' ? [] : [this.#textEvent('delta', { delta: text })];
  }

  close(status: ItemStatus): ResponseEvent[] {
    return [this.#textEvent('done', { text: this.text }), this.#partEvent('done'), this.done(status)];
  }

  object(): Record<string, unknown> {
    const parts = this.#hasPart ? [this.#part()] : [];
    const isDone = this.status !== 'in_progress';
    return {
      id: this.id,
      type: 'reasoning',
      summary: this.wants.summary ? parts : [],
      ...(this.wants.summary ? {} : { content: parts }),
      ...(this.wants.encrypted && isDone ? { encrypted_content: reasoningBlob(this.text) } : {}),
      status: this.status,
    };
  }

  #part(): Record<string, unknown> {
    return { type: this.wants.summary ? 'summary_text' : 'reasoning_text', text: this.text };
  }

  #partEvent(what: 'added' | 'done'): ResponseEvent {
    const part = this.#part();
    return this.wants.summary
      ? this.at(`response.reasoning_summary_part.${what}`, { summary_index: 0, part })
      : this.at(`response.content_part.${what}`, { content_index: 0, part });
  }

  #textEvent(what: 'delta' | 'done', more: Record<string, unknown>): ResponseEvent {
    return this.wants.summary
      ? this.at(`response.reasoning_summary_text.${what}`, { summary_index: 0, ...more })
      : this.at(`response.reasoning_text.${what}`, { content_index: 0, ...more });
  }
}

/** A summary is opaque, so nothing of it is told before it is whole. */
export class CompactionItem extends Growing implements OutputItem {
  readonly kind = 'compaction';

  open(): ResponseEvent[] {
    return [this.added()];
  }

  grow(): ResponseEvent[] {
    return [];
  }

  close(status: ItemStatus): ResponseEvent[] {
    return [this.done(status)];
  }

  object(): Record<string, unknown> {
    return { id: this.id, type: 'compaction', encrypted_content: summaryBlob(this.summary) };
  }

  constructor(
    id: string,
    place: number,
    private readonly summary: string,
  ) {
    super(id, place);
  }
}

export class CallItem extends Growing implements OutputItem {
  readonly kind = 'call';
  readonly #freeform = new FreeformReader();

  constructor(
    id: string,
    place: number,
    private readonly call: { callId: string; origin: ToolOrigin },
  ) {
    super(id, place);
  }

  /** Whether the arguments are complete, as far as JSON can tell. */
  get isWhole(): boolean {
    try {
      JSON.parse(this.text);
      return true;
    } catch {
      return false;
    }
  }

  open(): ResponseEvent[] {
    return [this.added()];
  }

  /** A freeform call's text is inside its arguments. */
  grow(text: string): ResponseEvent[] {
    this.text += text;
    if (this.call.origin.isFreeform) return this.#inputDelta(this.#freeform.push(text));
    return text === '' ? [] : [this.at('response.function_call_arguments.delta', { delta: text })];
  }

  close(status: ItemStatus): ResponseEvent[] {
    const { origin } = this.call;
    if (!origin.isFreeform) {
      const more = { name: origin.name, arguments: this.text };
      return [this.at('response.function_call_arguments.done', more), this.done(status)];
    }
    const last = this.#inputDelta(this.#freeform.finish(this.text));
    const input = this.#freeform.text;
    return [...last, this.at('response.custom_tool_call_input.done', { input }), this.done(status)];
  }

  #inputDelta(delta: string): ResponseEvent[] {
    return delta === '' ? [] : [this.at('response.custom_tool_call_input.delta', { delta })];
  }

  object(): Record<string, unknown> {
    const { callId, origin } = this.call;
    const named = {
      call_id: callId,
      name: origin.name,
      ...(origin.namespace === null ? {} : { namespace: origin.namespace }),
    };
    if (!origin.isFreeform) {
      return { id: this.id, type: 'function_call', status: this.status, ...named, arguments: this.text };
    }
    const input = this.status === 'in_progress' ? '' : this.#freeform.text;
    return { id: this.id, type: 'custom_tool_call', status: this.status, ...named, input };
  }
}
