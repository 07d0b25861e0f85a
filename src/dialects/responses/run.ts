/** One answer of `/v1/responses`: stream events in, response events out, the response object at any moment. */
import { DynamoError } from '../../errors.js';
import type { CommonRequest, Message, StopReason, StreamEvent, Usage } from '../../request/types.js';
import { AnswerBuilder, assistantTurn, textOf } from '../answer.js';
import type { EncodeContext } from '../types.js';
import { compactedTurns } from './compaction.js';
import {
  CallItem,
  CompactionItem,
  type ItemStatus,
  MessageItem,
  type OutputItem,
  ReasoningItem,
  type ResponseEvent,
} from './output-item.js';
import { type ResponseStatus, responseId, responseObject } from './response-object.js';
import { type ResponsesState, stateOf } from './state.js';
import { originOf } from './tool-names.js';

export type { ResponseEvent };

const INCOMPLETE: Partial<Record<StopReason, string>> = {
  length: 'max_output_tokens',
  content_filter: 'content_filter',
};

export class ResponsesRun {
  readonly #request: CommonRequest;
  readonly #context: EncodeContext;
  readonly #state: ResponsesState;
  readonly #items: OutputItem[] = [];
  /** Items not done yet; more than one only while parallel calls grow side by side. */
  readonly #open = new Set<OutputItem>();
  readonly #calls = new Map<number, CallItem>();
  readonly #answer = new AnswerBuilder();
  /** A prewarm has no output, a summary is told when it is whole. */
  readonly #isSilent: boolean;
  #isStarted = false;
  #reason: StopReason = 'stop';
  #usage: Usage | null = null;
  #error: DynamoError | null = null;
  #status: ResponseStatus = 'in_progress';

  constructor(request: CommonRequest, context: EncodeContext) {
    this.#request = request;
    this.#context = context;
    this.#state = stateOf(request);
    this.#isSilent = this.#state.isPrewarm || this.#state.isCompaction;
  }

  push(event: StreamEvent): ResponseEvent[] {
    if ('choice' in event && event.choice !== 0) return [];
    this.#answer.push(event);
    if ('choice' in event && this.#isSilent) return [];
    switch (event.type) {
      case 'start':
        return this.#start();
      case 'text':
        return this.#grow('message', event.text, event.logprobs);
      case 'thinking':
        return this.#grow('reasoning', event.text);
      case 'tool_start':
        return this.#startCall(event);
      case 'tool_delta':
        return this.#calls.get(event.index)?.grow(event.arguments) ?? [];
      case 'finish':
        this.#reason = event.reason;
        return this.#closeAll(INCOMPLETE[event.reason] === undefined ? 'completed' : 'incomplete');
      case 'usage':
        // The one token a prewarm costs is no output of its own.
        this.#usage = this.#state.isPrewarm
          ? { ...event.usage, outputTokens: 0, reasoningTokens: 0 }
          : event.usage;
        return [];
      case 'done':
        return this.#finish();
      case 'error':
        return this.#fail(event.error);
    }
  }

  response(): Record<string, unknown> {
    return responseObject(this.#request, this.#context, {
      status: this.#status,
      output: this.#items.map((item) => item.object()),
      usage: this.#usage,
      error: this.#error,
      incompleteReason: this.#status === 'incomplete' ? (INCOMPLETE[this.#reason] ?? null) : null,
    });
  }

  #start(): ResponseEvent[] {
    if (this.#isStarted) return [];
    this.#isStarted = true;
    const response = this.response();
    return [
      { type: 'response.created', response },
      { type: 'response.in_progress', response },
    ];
  }

  #grow(kind: 'message' | 'reasoning', text: string, logprobs?: unknown): ResponseEvent[] {
    const last = this.#items.at(-1);
    if (last?.kind === kind && this.#open.has(last)) return last.grow(text, logprobs);
    if (text === '') return [];
    const item = kind === 'message' ? this.#messageItem() : this.#reasoningItem();
    return [...this.#closeWhole(), ...this.#add(item), ...item.grow(text, logprobs)];
  }

  #startCall(event: Extract<StreamEvent, { type: 'tool_start' }>): ResponseEvent[] {
    const out = this.#closeWhole();
    const origin = originOf(this.#state.toolNames, event.name);
    const item = new CallItem(this.#id(origin.isFreeform ? 'ctc' : 'fc'), this.#items.length, {
      callId: event.id,
      origin,
    });
    this.#calls.set(event.index, item);
    return [...out, ...this.#add(item)];
  }

  #messageItem(): OutputItem {
    return new MessageItem(this.#id('msg'), this.#items.length);
  }

  #reasoningItem(): OutputItem {
    const { wantsSummary, wantsEncrypted } = this.#state;
    const wants = { summary: wantsSummary, encrypted: wantsEncrypted };
    return new ReasoningItem(this.#id('rs'), this.#items.length, wants);
  }

  #add(item: OutputItem): ResponseEvent[] {
    this.#items.push(item);
    this.#open.add(item);
    return item.open();
  }

  #close(item: OutputItem, status: ItemStatus): ResponseEvent[] {
    this.#open.delete(item);
    return item.close(status);
  }

  /** Before the next item: a call that is not complete goes on growing beside it. */
  #closeWhole(): ResponseEvent[] {
    const out: ResponseEvent[] = [];
    for (const item of this.#open) {
      const isGrowing = item instanceof CallItem && !item.isWhole;
      if (!isGrowing) out.push(...this.#close(item, 'completed'));
    }
    return out;
  }

  #closeAll(status: ItemStatus): ResponseEvent[] {
    const out: ResponseEvent[] = [];
    for (const item of this.#open) out.push(...this.#close(item, status));
    return out;
  }

  #finish(): ResponseEvent[] {
    const out = [...this.#start(), ...this.#compact(), ...this.#closeAll('completed')];
    const isWhole = INCOMPLETE[this.#reason] === undefined;
    this.#status = isWhole ? 'completed' : 'incomplete';
    const response = this.response();
    this.#keep(response);
    out.push({ type: isWhole ? 'response.completed' : 'response.incomplete', response });
    return out;
  }

  /** Throws `no_summary`. */
  #compact(): ResponseEvent[] {
    if (!this.#state.isCompaction) return [];
    return this.#add(new CompactionItem(this.#id('cmp'), this.#items.length, this.#summary()));
  }

  #summary(): string {
    const [choice] = this.#answer.answer().choices;
    const text = choice === undefined ? '' : textOf(choice).trim();
    if (text === '') throw new DynamoError('no_summary');
    return choice?.reason === 'length' ? `${text}\n[The summary was cut here.]` : text;
  }

  #fail(error: DynamoError): ResponseEvent[] {
    const out = [...this.#start(), ...this.#closeAll('incomplete')];
    this.#status = 'failed';
    this.#error = error;
    out.push({ type: 'response.failed', response: this.response() });
    return out;
  }

  #keep(response: Record<string, unknown>): void {
    const { isKept: isStored, inputItems } = this.#state;
    const messages = this.#conversation();
    this.#context.keep?.({ id: responseId(this.#request), isStored, response, inputItems, messages });
  }

  /** The conversation as the next request goes on from it. */
  #conversation(): Message[] {
    const { history, isPrewarm, isCompaction } = this.#state;
    if (isPrewarm) return history;
    if (isCompaction) return compactedTurns(history, this.#summary());
    const [choice] = this.#answer.answer().choices;
    return choice === undefined ? history : [...history, assistantTurn(choice)];
  }

  #id(prefix: string): string {
    return `${prefix}_${this.#request.id}_${this.#items.length}`;
  }
}
