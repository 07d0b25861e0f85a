/** A finished answer as one chat completion. */
import type { CommonRequest, StreamEvent } from '../../request/types.js';
import { type AnswerChoice, callsOf, collectAnswer, stopReasonOf, textOf, thinkingOf } from '../answer.js';
import { freeformText } from '../tools.js';
import type { EncodeContext } from '../types.js';
import { finishReason } from './finish-reason.js';
import { chatUsage } from './usage.js';

export function encodeChat(
  request: CommonRequest,
  events: readonly StreamEvent[],
  context: EncodeContext,
): unknown {
  const { choices, usage } = collectAnswer(events);
  const form = {
    freeform: new Set(request.dialectState['freeform'] as string[] | undefined),
    isLegacy: request.dialectState['isLegacy'] === true,
  };
  return {
    id: `chatcmpl-${request.id}`,
    object: 'chat.completion',
    created: context.created,
    model: context.model,
    choices: choices.map((choice, index) => encodeChoice(choice, index, form)),
    ...(usage === null ? {} : { usage: chatUsage(usage) }),
    ...(context.nvext === undefined ? {} : { nvext: context.nvext() }),
  };
}

/** How this client wants calls written. */
interface CallForm {
  freeform: Set<string>;
  isLegacy: boolean;
}

function encodeChoice(choice: AnswerChoice, index: number, form: CallForm): Record<string, unknown> {
  const calls = callsOf(choice);
  const text = textOf(choice);
  const thinking = thinkingOf(choice);
  return {
    index,
    message: {
      role: 'assistant',
      content: text === '' && calls.length > 0 ? null : text,
      refusal: null,
      ...(thinking === '' ? {} : { reasoning: thinking, reasoning_content: thinking }),
      ...encodeCalls(calls, form),
    },
    logprobs: choice.logprobs,
    finish_reason: finishReason(stopReasonOf(choice), form.isLegacy),
    ...(choice.stopSequence === null ? {} : { stop_reason: choice.stopSequence }),
    ...(choice.tokenIds.length === 0 ? {} : { token_ids: choice.tokenIds }),
  };
}

function encodeCalls(calls: ReturnType<typeof callsOf>, form: CallForm): Record<string, unknown> {
  const [first] = calls;
  if (first === undefined) return {};
  if (form.isLegacy) return { function_call: { name: first.name, arguments: first.arguments } };
  return { tool_calls: calls.map((call) => encodeCall(call, form.freeform)) };
}

function encodeCall(
  call: { id: string; name: string; arguments: string },
  freeform: Set<string>,
): Record<string, unknown> {
  const { id, name } = call;
  if (freeform.has(name)) {
    return { id, type: 'custom', custom: { name, input: freeformText(call.arguments) } };
  }
  return { id, type: 'function', function: { name, arguments: call.arguments } };
}
