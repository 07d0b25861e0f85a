/**
 * How a template frames turns: the text it opens and closes each role's turn with, learned by rendering small chats.
 * No template is known by name.
 */
import { type ChatTemplate, renderChat } from '../model/chat-template.js';
import type { EngineMessage } from '../request/engine-body.js';

type Role = EngineMessage['role'];

export interface TurnFrames {
  /** Text after a role's content up to the end of its turn; empty where it could not be learned. */
  closings: Record<Role, string>;
  /** Texts between the end of a turn and a role's first content in the next, longest first. */
  openings: Record<Role, readonly string[]>;
}

const TEXT = { system: 'probe-system', user: 'probe-user', assistant: 'probe-answer', tool: 'probe-result' };
const CALL_ID = 'probe1234';

const SYSTEM: EngineMessage = { role: 'system', content: TEXT.system };
const USER: EngineMessage = { role: 'user', content: TEXT.user };
const ANSWER: EngineMessage = { role: 'assistant', content: TEXT.assistant };
const THOUGHT: EngineMessage = { ...ANSWER, reasoning_content: 'probe-thought' };
const CALLING: EngineMessage = {
  role: 'assistant',
  content: null,
  tool_calls: [{ id: CALL_ID, type: 'function', function: { name: 'probe-call', arguments: '{}' } }],
};
const RESULT: EngineMessage = { role: 'tool', tool_call_id: CALL_ID, content: TEXT.tool };
const ANY_PROBE = /probe-(?:system|user|answer|result|thought|call)/;

const learned = new WeakMap<ChatTemplate, TurnFrames>();

/** Computed once per template. Never throws. */
export function turnFrames(template: ChatTemplate): TurnFrames {
  const known = learned.get(template);
  if (known !== undefined) return known;
  const after = (before: EngineMessage[], ...next: EngineMessage[]): string[] =>
    next.map((message) => openingAfter(template, before, message));
  const frames: TurnFrames = {
    closings: {
      system: systemClosing(template),
      user: tailAfter(template, [USER], TEXT.user),
      assistant: tailAfter(template, [USER, ANSWER], TEXT.assistant),
      tool: tailAfter(template, [USER, CALLING, RESULT], TEXT.tool),
    },
    openings: {
      system: longestFirst(after([USER, ANSWER], SYSTEM)),
      user: longestFirst([
        ...after([USER, ANSWER], USER),
        ...after([USER], USER),
        ...after([USER, CALLING, RESULT], USER),
      ]),
      assistant: longestFirst([
        ...after([USER], ANSWER, THOUGHT, CALLING, { ...CALLING, ...THOUGHT }),
        ...after([USER, CALLING, RESULT], ANSWER, THOUGHT, CALLING),
      ]),
      tool: longestFirst([...after([USER, CALLING], RESULT), ...after([USER, CALLING, RESULT], RESULT)]),
    },
  };
  learned.set(template, frames);
  return frames;
}

/** Characters of the longest of the openings that ends at `to` and does not begin before `from`; 0 when there is none. */
export function openingBefore(
  text: string,
  { from, to }: { from: number; to: number },
  openings: readonly string[],
): number {
  const found = openings.find(
    (opening) => to - opening.length >= from && text.startsWith(opening, to - opening.length),
  );
  return found === undefined ? 0 : found.length;
}

/** What the template puts before the first content of `message` when it follows `before`; '' when that cannot be told. */
function openingAfter(template: ChatTemplate, before: EngineMessage[], message: EngineMessage): string {
  const prefix = tryRender(template, before);
  const whole = tryRender(template, [...before, message]);
  if (prefix === '' || !whole.startsWith(prefix)) return '';
  const added = whole.slice(prefix.length);
  const at = added.search(ANY_PROBE);
  return at < 0 ? '' : added.slice(0, at);
}

function longestFirst(texts: readonly string[]): string[] {
  return [...new Set(texts)].filter((text) => text !== '').sort((a, b) => b.length - a.length);
}

/** What stands after the last message's text when the chat ends there. */
function tailAfter(template: ChatTemplate, messages: EngineMessage[], text: string): string {
  const rendered = tryRender(template, messages);
  const at = rendered.lastIndexOf(text);
  return at < 0 ? '' : rendered.slice(at + text.length);
}

/** A chat of a system message alone is refused by many templates, so the opening of the user turn is taken off. */
function systemClosing(template: ChatTemplate): string {
  const rendered = tryRender(template, [SYSTEM, USER]);
  const start = rendered.indexOf(TEXT.system);
  const end = rendered.indexOf(TEXT.user, start);
  if (start < 0 || end < 0) return '';
  const between = rendered.slice(start + TEXT.system.length, end);
  const opening = openingAfter(template, [USER, ANSWER], USER);
  return opening !== '' && between.endsWith(opening) ? between.slice(0, between.length - opening.length) : '';
}

function tryRender(template: ChatTemplate, messages: EngineMessage[]): string {
  try {
    return renderChat(template, { messages, tools: [], addGenerationPrompt: false });
  } catch {
    return '';
  }
}
