/** What a next turn adds to a rendered chat, seen on the end of the conversation alone. */
import { type ChatTemplate, renderChat } from '../model/chat-template.js';
import type { EngineChat, EngineMessage, EngineTool } from '../request/engine-body.js';

export const STAND_IN_TOOL: EngineTool = {
  type: 'function',
  function: { name: 'probe', description: 'Probes.', parameters: { type: 'object', properties: {} } },
};

/** One list, so that it is written once. */
const STAND_IN_TOOLS = [STAND_IN_TOOL];

/** What a chat's messages add, beside the end of the text they are added to. */
export interface AddedText {
  /** A text that ends as that of the messages before does. */
  before: string;
  /** Up to the opening of the answer. */
  added: string;
}

/**
 * The text that messages from `common` on add: the difference between two short chats that end alike. Null when the
 * template refuses one of them or does not simply add.
 */
export function addedText(template: ChatTemplate, chat: EngineChat, common: number): AddedText | null {
  if (!isOpenEnd(chat.messages[common - 1])) return null;
  const context = contextOf(chat, common);
  const added = chat.messages.slice(common);
  const { tools, kwargs } = context;
  try {
    const before = renderChat(template, { ...context, addGenerationPrompt: false });
    const messages = [...context.messages, ...added];
    const after = renderChat(template, { messages, tools, kwargs, addGenerationPrompt: true });
    return after.startsWith(before) ? { before, added: after.slice(before.length) } : null;
  } catch {
    return null;
  }
}

/**
 * The last of the first `common` messages, which two chats share, from which both go on with an answer; null where that is
 * too far back to be worth it.
 */
export function lastFork(
  left: readonly EngineMessage[],
  right: readonly EngineMessage[],
  common: number,
): number | null {
  for (let at = common; at > Math.max(0, common - FORK_LOOK_BACK); at--) {
    const isAnswer = left[at]?.role === 'assistant' && right[at]?.role === 'assistant';
    if (isAnswer && isOpenEnd(left[at - 1])) return at;
  }
  return null;
}

const FORK_LOOK_BACK = 16;

/** A request's chat ends with what the model answers to; one that ends with its own words is continued instead. */
export function isOpenEnd(message: EngineMessage | undefined): boolean {
  return message?.role === 'user' || message?.role === 'tool';
}

/**
 * The shortest chat that ends like the first `common` messages: a system message where there is one, a user turn, and
 * the messages from the last assistant turn on. Tools and long texts before that are stood in for.
 */
export function contextOf(chat: EngineChat, common: number): EngineChat {
  const { messages, kwargs } = chat;
  const tools = chat.tools.length === 0 ? [] : STAND_IN_TOOLS;
  let start = common - 1;
  while (start > 0 && messages[start]?.role !== 'assistant' && messages[start]?.role !== 'user') start -= 1;
  const kept = messages.slice(start, common);
  const lead: EngineMessage[] = messages[0]?.role === 'system' ? [{ role: 'system', content: 'Probe.' }] : [];
  const opens = kept[0]?.role === 'system' || kept[0]?.role === 'user';
  const asked: EngineMessage[] = opens ? [] : [{ role: 'user', content: 'probe' }];
  return { messages: [...lead, ...asked, ...kept.filter(({ role }) => role !== 'system')], tools, kwargs };
}
