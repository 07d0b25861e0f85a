/** A finished answer as one message. */
import type { CommonRequest, StreamEvent } from '../../request/types.js';
import { type AnswerPart, collectAnswer, stopReasonOf } from '../answer.js';
import { isFields } from '../fields.js';
import type { EncodeContext } from '../types.js';
import { thinkingSignature } from './signature.js';
import { messagesStopReason, messagesUsage, promptUsage } from './usage.js';

export function encodeMessage(
  request: CommonRequest,
  events: readonly StreamEvent[],
  context: EncodeContext,
): unknown {
  const { choices, usage } = collectAnswer(events);
  const [choice] = choices as [(typeof choices)[number]];
  const hidesThinking = request.reasoning.enabled === false;
  const parts = choice.parts.filter((part) => part.type !== 'thinking' || !hidesThinking);
  return {
    id: `msg_${request.id}`,
    type: 'message',
    role: 'assistant',
    model: context.model,
    content: parts.map((part, index) => encodePart(part, index, request)),
    stop_reason: messagesStopReason(stopReasonOf(choice)),
    stop_sequence: choice.stopSequence,
    usage: usage === null ? promptUsage(context.promptTokens) : messagesUsage(usage, context),
    ...(context.nvext === undefined ? {} : { nvext: context.nvext() }),
  };
}

function encodePart(part: AnswerPart, index: number, request: CommonRequest): Record<string, unknown> {
  if (part.type === 'text') return { type: 'text', text: part.text };
  if (part.type === 'thinking') {
    const hidden = request.dialectState['hidesThinking'] === true ? part.text : '';
    const signature = thinkingSignature(request.id, index, hidden);
    return { type: 'thinking', thinking: hidden === '' ? part.text : '', signature };
  }
  return { type: 'tool_use', id: part.id, name: part.name, input: inputOf(part.arguments) };
}

/** The wire wants an object. A model that wrote something else gets it back under `input`, not an error. */
export function inputOf(args: string): Record<string, unknown> {
  if (args === '') return {};
  try {
    const value: unknown = JSON.parse(args);
    return isFields(value) ? value : { input: value };
  } catch {
    return { input: args };
  }
}
