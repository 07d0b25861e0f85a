/**
 * Whether a template is local: a next turn adds text at the end and changes nothing before it, and what it adds can be
 * seen on the last messages alone. Learned by rendering small chats; no template is known by name. Many templates
 * are local only for some chats: those that drop earlier reasoning once the user speaks again are not for these.
 */
import { type ChatTemplate, renderChat } from '../model/chat-template.js';
import type { EngineChat, EngineMessage, EngineTool } from '../request/engine-body.js';
import { addedText, contextOf, isOpenEnd, STAND_IN_TOOL } from './added-text.js';

/** What of a chat a template may look at beyond its last messages. */
interface Features {
  hasSystem: boolean;
  hasTools: boolean;
  /** Reasoning, or text a template could take for it. */
  hasReasoning: boolean;
  /** The user speaks in the new messages. */
  addsUser: boolean;
}

/** Chats of unlike features and variables judged; then all are judged anew. */
const VERDICTS_MAX = 64;
/** Texts that templates take for reasoning or for tool results. */
const TEXT_MARKS = ['think>', 'tool_response', 'tool_call>'];

export class TemplateLocality {
  readonly #template: ChatTemplate;
  readonly #verdicts = new Map<string, boolean>();
  readonly #openings = new Map<string, string | null>();
  #isTrusted: boolean;

  constructor(template: ChatTemplate) {
    this.#template = template;
    // The text would change by itself.
    this.#isTrusted = !template.readsClock;
  }

  distrust(): void {
    this.#isTrusted = false;
  }

  /** Whether messages from `common` on may be added to the text of those before; `marks` are those of all messages. */
  allows(chat: EngineChat, common: number, marks: ChatMarks): boolean {
    // What comes after a turn is the answer to it; templates join anything else to the turn itself.
    if (!this.#isTrusted || marks.hasParts || chat.messages[common]?.role !== 'assistant') return false;
    const features = {
      hasSystem: chat.messages[0]?.role === 'system',
      hasTools: chat.tools.length > 0,
      hasReasoning: marks.hasReasoning,
      addsUser: chat.messages.slice(common).some(({ role }) => role === 'user'),
    };
    return this.#verdict(features, chat.kwargs);
  }

  /** Judges the usual kinds of chat ahead, one per step: a template seen for the first time takes some 50 ms. */
  *learn(): Generator<undefined, void, undefined> {
    for (let bits = 0; bits < 16 && this.#isTrusted; bits++) {
      const has = (bit: number): boolean => (bits & bit) === 0;
      this.#verdict({ hasSystem: has(1), hasTools: has(2), hasReasoning: !has(4), addsUser: !has(8) }, {});
      yield;
    }
  }

  #verdict(features: Features, kwargs: Record<string, unknown>): boolean {
    const { hasSystem, hasTools, hasReasoning, addsUser } = features;
    const key = JSON.stringify([hasSystem, hasTools, hasReasoning, addsUser, kwargs]);
    const known = this.#verdicts.get(key);
    if (known !== undefined) return known;
    const verdict = this.#judge(features, kwargs);
    remember(this.#verdicts, key, verdict);
    return verdict;
  }

  /** How the answer opens; null when it cannot be told. */
  opening(chat: EngineChat): string | null {
    if (!this.#isTrusted || !isOpenEnd(chat.messages.at(-1))) return null;
    const { role } = chat.messages.at(-1) as EngineMessage;
    const key = JSON.stringify([chat.messages[0]?.role, chat.tools.length > 0, role, chat.kwargs]);
    const known = this.#openings.get(key);
    if (known !== undefined) return known;
    const opening = this.#openingOf(chat);
    remember(this.#openings, key, opening);
    return opening;
  }

  #openingOf(chat: EngineChat): string | null {
    const { messages, tools, kwargs } = contextOf(chat, chat.messages.length);
    try {
      const before = renderChat(this.#template, { messages, tools, kwargs, addGenerationPrompt: false });
      const after = renderChat(this.#template, { messages, tools, kwargs, addGenerationPrompt: true });
      return after.startsWith(before) ? after.slice(before.length) : null;
    } catch {
      return null;
    }
  }

  /** Every way from one turn to a later one, through a small chat with these features. */
  #judge(features: Features, kwargs: Record<string, unknown>): boolean {
    const tools = features.hasTools ? [STAND_IN_TOOL, ANOTHER_TOOL] : [];
    let compared = 0;
    for (const messages of probes(features)) {
      const ends = messages.flatMap((message, at) => (isOpenEnd(message) ? [at + 1] : []));
      for (const from of ends.filter((end) => messages[end]?.role === 'assistant')) {
        for (const to of ends.filter((end) => end > from)) {
          const chat = { messages: messages.slice(0, to), tools, kwargs };
          const addsUser = chat.messages.slice(from).some(({ role }) => role === 'user');
          if (addsUser && !features.addsUser) continue;
          const outcome = this.#compare(chat, from);
          if (outcome === false) return false;
          if (outcome) compared += 1;
        }
      }
    }
    return compared > 0;
  }

  /** Null when the template refuses the chat altogether. */
  #compare(chat: EngineChat, from: number): boolean | null {
    const early = { ...chat, messages: chat.messages.slice(0, from) };
    let before: string;
    let after: string;
    try {
      before = renderChat(this.#template, { ...early, addGenerationPrompt: true });
      after = renderChat(this.#template, { ...chat, addGenerationPrompt: true });
    } catch {
      return null;
    }
    const opening = this.#openingOf(early);
    const added = addedText(this.#template, chat, from);
    if (opening === null || added === null || !before.endsWith(opening)) return false;
    return before.slice(0, before.length - opening.length) + added.added === after;
  }
}

/** What templates look for anywhere in a conversation; found once, as messages only join at the end. */
export interface ChatMarks {
  hasParts: boolean;
  hasReasoning: boolean;
}

/** Marks of messages from `from` on, together with those of the ones before. */
export function chatMarks(messages: readonly EngineMessage[], from = 0, before?: ChatMarks): ChatMarks {
  const added = messages.slice(from);
  return {
    hasParts: before?.hasParts === true || added.some(hasParts),
    hasReasoning: before?.hasReasoning === true || added.some(hasReasoning),
  };
}

function hasParts({ content }: EngineMessage): boolean {
  return typeof content === 'object' && content !== null;
}

function hasReasoning({ content, reasoning_content: reasoning }: EngineMessage): boolean {
  if (reasoning !== undefined) return true;
  return typeof content === 'string' && TEXT_MARKS.some((mark) => content.includes(mark));
}

function remember<Value>(map: Map<string, Value>, key: string, value: Value): void {
  if (map.size >= VERDICTS_MAX) map.clear();
  map.set(key, value);
}

const ANOTHER_TOOL: EngineTool = {
  type: 'function',
  function: { name: 'other', parameters: { type: 'object', properties: { path: { type: 'string' } } } },
};

function* probes({ hasSystem, hasReasoning: isMarked }: Features): Generator<EngineMessage[]> {
  const lead: EngineMessage[] = hasSystem ? [{ role: 'system', content: ' Be brief.\n' }] : [];
  yield [...lead, ...conversation(isMarked ? 'field' : 'none')];
  yield [...lead, ...chatter(isMarked ? 'field' : 'none')];
  if (!isMarked) return;
  yield [...lead, ...conversation('text')];
  yield [...lead, ...chatter('text')];
}

type Marking = 'none' | 'field' | 'text';

/** An agent's loop: calls one and two at a time, results, answers, and the user again. */
function conversation(marking: Marking): EngineMessage[] {
  const user = (content: string): EngineMessage => ({ role: 'user', content });
  const result = (id: string, content: string): EngineMessage => ({
    role: 'tool',
    tool_call_id: id,
    content: marking === 'text' ? `<tool_response>${content}</tool_response>` : content,
  });
  return [
    user('First question?'),
    says('I look.', marking, ['call00001']),
    result('call00001', '  found\n'),
    says('', marking, ['call00002', 'call00003']),
    result('call00002', '{"a": 1}'),
    result('call00003', ''),
    says('Here it is.', marking, []),
    user('And now?\n'),
    says('', marking, ['call00004']),
    result('call00004', 'more'),
    user('Stop.'),
  ];
}

function chatter(marking: Marking): EngineMessage[] {
  const user = (content: string): EngineMessage => ({
    role: 'user',
    content: marking === 'text' ? `<tool_response>${content}` : content,
  });
  return [user('One'), says('Two ', marking, []), user(' Three'), says('Four', marking, []), user('Five')];
}

function says(content: string, marking: Marking, ids: string[]): EngineMessage {
  const reasoning = marking === 'field' ? { reasoning_content: 'I think.' } : {};
  const calls = ids.map((id) => ({
    id,
    type: 'function' as const,
    function: { name: 'probe', arguments: '{"path": "a b"}' },
  }));
  return {
    role: 'assistant',
    content: marking === 'text' ? `<think>\nHm.\n</think>\n\n${content}` : content === '' ? null : content,
    ...reasoning,
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  };
}
