/**
 * How a template frames turns: the text it closes each role's turn with, learned by rendering small chats that
 * end there. No template is known by name.
 */
import { type ChatTemplate, renderChat } from '../model/chat-template.js';
import type { EngineMessage } from '../request/engine-body.js';

/** Text after a role's content up to the end of its turn; empty where it could not be learned. */
export type TurnClosings = Record<EngineMessage['role'], string>;

const TEXT = { system: 'probe-system', user: 'probe-user', assistant: 'probe-answer', tool: 'probe-result' };

const learned = new WeakMap<ChatTemplate, TurnClosings>();

/** Computed once per template. Never throws. */
export function turnClosings(template: ChatTemplate): TurnClosings {
  const known = learned.get(template);
  if (known !== undefined) return known;
  const user: EngineMessage = { role: 'user', content: TEXT.user };
  const assistant: EngineMessage = { role: 'assistant', content: TEXT.assistant };
  const closings: TurnClosings = {
    system: systemClosing(template, user),
    user: tailAfter(template, [user], TEXT.user),
    assistant: tailAfter(template, [user, assistant], TEXT.assistant),
    tool: tailAfter(
      template,
      [user, callingTurn(), { role: 'tool', tool_call_id: 'probe1234', content: TEXT.tool }],
      TEXT.tool,
    ),
  };
  learned.set(template, closings);
  return closings;
}

function callingTurn(): EngineMessage {
  const call = { id: 'probe1234', type: 'function' as const, function: { name: 'probe', arguments: '{}' } };
  return { role: 'assistant', content: null, tool_calls: [call] };
}

/** What stands after the last message's text when the chat ends there. */
function tailAfter(template: ChatTemplate, messages: EngineMessage[], text: string): string {
  const rendered = tryRender(template, messages);
  const at = rendered.lastIndexOf(text);
  return at < 0 ? '' : rendered.slice(at + text.length);
}

/** A chat of a system message alone is refused by many templates, so the opening of the user turn is taken off. */
function systemClosing(template: ChatTemplate, user: EngineMessage): string {
  const rendered = tryRender(template, [{ role: 'system', content: TEXT.system }, user]);
  const start = rendered.indexOf(TEXT.system);
  const end = rendered.indexOf(TEXT.user, start);
  if (start < 0 || end < 0) return '';
  const between = rendered.slice(start + TEXT.system.length, end);
  const opening = userOpening(template, user);
  return opening !== '' && between.endsWith(opening) ? between.slice(0, between.length - opening.length) : '';
}

function userOpening(template: ChatTemplate, user: EngineMessage): string {
  const assistant: EngineMessage = { role: 'assistant', content: TEXT.assistant };
  const before = tryRender(template, [user, assistant]);
  const after = tryRender(template, [user, assistant, user]);
  const end = after.lastIndexOf(TEXT.user);
  return before !== '' && after.startsWith(before) && end > before.length
    ? after.slice(before.length, end)
    : '';
}

function tryRender(template: ChatTemplate, messages: EngineMessage[]): string {
  try {
    return renderChat(template, { messages, tools: [], addGenerationPrompt: false });
  } catch {
    return '';
  }
}
