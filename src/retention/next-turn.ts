/** The prompt a conversation will go on with, as far as it is known when an answer ends. Pure. */
import type { Block, ChatInput, CommonRequest, Message, StopReason } from '../request/types.js';

/** Roles that are asked once and never again. */
const SINGLE = new Set(['title', 'compact']);

/**
 * Whether another turn is sure to follow: an agent brings the results of the tools its model called. After a plain answer a
 * person may be thinking for hours; then only the client's own hint counts.
 */
export function isNextTurnCertain({ session }: Pick<CommonRequest, 'session'>, reason: StopReason): boolean {
  if (reason !== 'tool_use' || session === undefined) return false;
  return !session.isFinal && !SINGLE.has(session.role);
}

/** Whether the next turn may have to be prepared at all, known before the answer is. */
export function mayWarmNextTurn({ input, hints, session, tools, n }: CommonRequest): boolean {
  if (input.kind !== 'chat' || n !== 1) return false;
  return hints.speculativePrefill || (session !== undefined && tools.length > 0);
}

/**
 * The request with its answer as the last turn. Where there is reasoning a stand-in for the turn after it follows, because
 * templates drop reasoning depending on what comes next. Null for what is no chat or has no answer.
 */
export function nextTurn(request: CommonRequest, answer: readonly Block[]): CommonRequest | null {
  if (request.input.kind !== 'chat' || answer.length === 0) return null;
  const turn: Message = { role: 'assistant', blocks: [...answer] };
  const messages = [...request.input.messages, turn];
  const input: ChatInput = {
    kind: 'chat',
    messages: messages.some(hasReasoning) ? [...messages, standIn(answer)] : messages,
  };
  return { ...request, input, maxTokens: 1 };
}

function hasReasoning({ blocks }: Message): boolean {
  return blocks.some(({ type }) => type === 'thinking');
}

/** Results of the calls, or words of a person. */
function standIn(answer: readonly Block[]): Message {
  const calls = answer.filter((block) => block.type === 'tool_use');
  const blocks: Block[] = calls.map(({ id }) => ({
    type: 'tool_result',
    toolUseId: id,
    content: [{ type: 'text', text: '.' }],
    isError: false,
  }));
  return { role: 'user', blocks: blocks.length === 0 ? [{ type: 'text', text: '.' }] : blocks };
}
