/** Stream events as text completions, in chunks or whole. */
import type { CommonRequest, StreamEvent, Usage } from '../../request/types.js';
import { collectAnswer } from '../answer.js';
import { finishReason } from '../chat/finish-reason.js';
import { chatUsage } from '../chat/usage.js';
import { openAiError } from '../openai-error.js';
import { SSE_COMMENT_PING, SSE_DONE, sseData } from '../sse.js';
import type { EncodeContext, StreamEncoder } from '../types.js';

export class CompletionStream implements StreamEncoder {
  readonly #request: CommonRequest;
  readonly #context: EncodeContext;
  #usage: Usage | null = null;

  constructor(request: CommonRequest, context: EncodeContext) {
    this.#request = request;
    this.#context = context;
  }

  push(event: StreamEvent): string {
    switch (event.type) {
      case 'start':
        return this.#echo();
      case 'text': {
        const { choice, text, logprobs = null, tokenIds } = event;
        const ids = tokenIds === undefined ? {} : { token_ids: tokenIds };
        return this.#chunk({ index: choice, text, logprobs, finish_reason: null, ...ids });
      }
      // There is no field for reasoning here, and no parser ran: it is part of the text.
      case 'thinking':
        return this.#chunk({ index: event.choice, text: event.text, logprobs: null, finish_reason: null });
      case 'finish':
        return this.#chunk(
          {
            index: event.choice,
            text: '',
            logprobs: null,
            finish_reason: finishReason(event.reason),
            stop_reason: event.stopSequence ?? null,
          },
          this.#context.nvext?.(),
        );
      case 'usage':
        this.#usage = event.usage;
        return '';
      case 'done':
        return this.#done();
      case 'error':
        return sseData({ error: openAiError(event.error) });
      default:
        return '';
    }
  }

  ping(): string {
    return SSE_COMMENT_PING;
  }

  #echo(): string {
    const text = echoOf(this.#request);
    if (text === '') return '';
    const indexes = [...Array(this.#request.n).keys()];
    return indexes.map((index) => this.#chunk({ index, text, logprobs: null, finish_reason: null })).join('');
  }

  #done(): string {
    if (!this.#request.includeUsage || this.#usage === null) return SSE_DONE;
    return (
      sseData({ ...head(this.#request, this.#context), choices: [], usage: chatUsage(this.#usage) }) +
      SSE_DONE
    );
  }

  #chunk(choice: Record<string, unknown>, nvext?: Record<string, unknown>): string {
    return sseData({
      ...head(this.#request, this.#context),
      choices: [choice],
      ...(this.#request.includeUsage ? { usage: null } : {}),
      ...(nvext === undefined ? {} : { nvext }),
    });
  }
}

export function encodeCompletion(
  request: CommonRequest,
  events: readonly StreamEvent[],
  context: EncodeContext,
): unknown {
  const { choices, usage } = collectAnswer(events);
  return {
    ...head(request, context),
    choices: choices.map((choice, index) => ({
      index,
      text:
        echoOf(request) + choice.parts.map((part) => (part.type === 'tool_use' ? '' : part.text)).join(''),
      logprobs: choice.logprobs,
      finish_reason: finishReason(choice.reason),
      stop_reason: choice.stopSequence,
      ...(choice.tokenIds.length === 0 ? {} : { token_ids: choice.tokenIds }),
    })),
    ...(usage === null ? {} : { usage: chatUsage(usage) }),
    ...(context.nvext === undefined ? {} : { nvext: context.nvext() }),
  };
}

/** The prompt, where the client wants it before each choice. */
function echoOf({ dialectState }: CommonRequest): string {
  return typeof dialectState['echo'] === 'string' ? dialectState['echo'] : '';
}

function head(request: CommonRequest, context: EncodeContext): Record<string, unknown> {
  const { created, model } = context;
  return { id: `cmpl-${request.id}`, object: 'text_completion', created, model };
}
