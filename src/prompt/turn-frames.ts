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
  /** What can stand between the content of a turn without calls and the first content of the next, longest first. */
  between(left: Role, right: Role): readonly string[];
  /** Between an assistant's reasoning and its content; empty where it could not be learned. */
  thoughtGap: string;
}

const TEXT = { system: 'probe-system', user: 'probe-user', assistant: 'probe-answer', tool: 'probe-result' };
const CALL_ID = 'probe1234';
const CALL_NAME = 'probe-call';

const SYSTEM: EngineMessage = { role: 'system', content: TEXT.system };
const USER: EngineMessage = { role: 'user', content: TEXT.user };
const ANSWER: EngineMessage = { role: 'assistant', content: TEXT.assistant };
const THOUGHT: EngineMessage = { ...ANSWER, reasoning_content: 'probe-thought' };
const CALLING: EngineMessage = {
  role: 'assistant',
  content: null,
  tool_calls: [{ id: CALL_ID, type: 'function', function: { name: CALL_NAME, arguments: '{}' } }],
};
const RESULT: EngineMessage = { role: 'tool', tool_call_id: CALL_ID, content: TEXT.tool };

const learned = new WeakMap<ChatTemplate, TurnFrames>();

/** Computed once per template. Never throws. */
export function turnFrames(template: ChatTemplate): TurnFrames {
  const known = learned.get(template);
  if (known !== undefined) return known;
  const closings = {
    system: systemClosing(template),
    user: tailAfter(template, [USER], TEXT.user),
    assistant: tailAfter(template, [USER, ANSWER], TEXT.assistant),
    tool: tailAfter(template, [USER, CALLING, RESULT], TEXT.tool),
  };
  const after = (before: EngineMessage[], ...next: EngineMessage[]): string[] =>
    next.map((message) => openingAfter(template, before, message, closings[before.at(-1)?.role ?? 'user']));
  const frames: TurnFrames = {
    closings,
    between: betweenTurns(template),
    thoughtGap: gapAfterThought(template),
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

/**
 * What the template puts before the first content of `message` when it follows `before`; '' when that cannot be told.
 * `closing` is for templates that show the last turn otherwise than the same turn with others after it.
 */
function openingAfter(
  template: ChatTemplate,
  before: EngineMessage[],
  message: EngineMessage,
  closing: string,
): string {
  const prefix = tryRender(template, before);
  const whole = tryRender(template, [...before, message]);
  if (prefix !== '' && whole.startsWith(prefix)) {
    const end = firstContent(whole, prefix.length, message);
    return end < 0 ? '' : whole.slice(prefix.length, end);
  }
  const left = before.at(-1);
  const start = left === undefined ? -1 : firstContent(whole, 0, left);
  const end = start < 0 ? -1 : firstContent(whole, start + 1, message);
  const at = end < 0 || closing === '' ? -1 : whole.slice(start, end).lastIndexOf(closing);
  return at < 0 ? '' : whole.slice(start + at + closing.length, end);
}

/** Where the first of a message's contents stands from `start` on; -1 when none does. */
function firstContent(rendered: string, start: number, message: EngineMessage): number {
  const parts = [message.reasoning_content, message.content, message.tool_calls?.[0]?.function.name];
  const places = parts
    .map((part) => (typeof part === 'string' ? rendered.indexOf(part, start) : -1))
    .filter((place) => place >= 0);
  return places.length === 0 ? -1 : Math.min(...places);
}

/** Chats that end with a turn without calls, and the turns that may follow it. */
const PAIRS: [before: EngineMessage[], next: EngineMessage[]][] = [
  [[USER], [ANSWER, THOUGHT, CALLING, { ...CALLING, ...THOUGHT }, USER]],
  [
    [USER, ANSWER],
    [USER, SYSTEM],
  ],
  [
    [USER, CALLING, RESULT],
    [ANSWER, THOUGHT, CALLING, { ...CALLING, ...THOUGHT }, RESULT, USER],
  ],
];

/** Some templates show a turn otherwise once others follow it. */
function betweenTurns(template: ChatTemplate): TurnFrames['between'] {
  const found = new Map<string, string[]>();
  for (const [before, next] of PAIRS) {
    const left = before.at(-1)!;
    for (const right of next) {
      const key = `${left.role}>${right.role}`;
      const texts = [[], [USER], [ANSWER, USER]].map((rest) =>
        gapBetween(tryRender(template, [...before, right, ...rest]), left, right),
      );
      found.set(key, longestFirst([...(found.get(key) ?? []), ...texts]));
    }
  }
  return (left, right) => found.get(`${left}>${right}`) ?? [];
}

function gapBetween(rendered: string, left: EngineMessage, right: EngineMessage): string {
  const at = rendered.indexOf(String(left.content));
  if (at < 0) return '';
  const start = at + String(left.content).length;
  const end = firstContent(rendered, start, right);
  return end < 0 ? '' : rendered.slice(start, end);
}

/** The learned text as it stands before this very message: results name their call. */
export function framedFor(text: string, messages: readonly EngineMessage[], index: number): string {
  const id = messages[index]?.tool_call_id;
  if (id === undefined || !(text.includes(CALL_ID) || text.includes(CALL_NAME))) return text;
  const calls = messages.slice(0, index).flatMap(({ tool_calls: made = [] }) => made);
  const name = calls.findLast((call) => call.id === id)?.function.name ?? CALL_NAME;
  return text.replaceAll(CALL_ID, () => id).replaceAll(CALL_NAME, () => name);
}

function gapAfterThought(template: ChatTemplate): string {
  const rendered = tryRender(template, [USER, THOUGHT]);
  const start = rendered.indexOf(THOUGHT.reasoning_content ?? '');
  const end = rendered.indexOf(TEXT.assistant, start);
  return start < 0 || end < 0 ? '' : rendered.slice(start + (THOUGHT.reasoning_content ?? '').length, end);
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
  const opening = openingAfter(template, [USER, ANSWER], USER, '');
  return opening !== '' && between.endsWith(opening) ? between.slice(0, between.length - opening.length) : '';
}

function tryRender(template: ChatTemplate, messages: EngineMessage[]): string {
  try {
    return renderChat(template, { messages, tools: [], addGenerationPrompt: false });
  } catch {
    return '';
  }
}
