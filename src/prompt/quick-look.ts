/**
 * Where the contents of a long chat stand, without rendering it again: the head up to the first user turn is looked at
 * once and remembered, and each turn after it must follow the one before with the very text the template frames turns
 * with. Anything else is for the caller to look at with marks.
 */
import { LIMITS } from '../limits.js';
import type { ChatTemplate } from '../model/chat-template.js';
import { renderChat } from '../model/chat-template.js';
import type { EngineMessage } from '../request/engine-body.js';
import { kindOf } from './marks.js';
import type { Look, RenderedChat, TextSpan } from './text-spans.js';
import { framedFor, type TurnFrames, turnFrames } from './turn-frames.js';

interface Head extends Look {
  /** Up to the end of the first user turn's content. */
  text: string;
  toolsGiven: number;
}

const heads = new WeakMap<ChatTemplate, Head[]>();

/** Null when a turn does not stand where it should. `look` looks at a short chat, exactly. */
export function quickLook(chat: RenderedChat, look: (chat: RenderedChat) => Look | null): Look | null {
  const { messages, text } = chat;
  const first = messages.findIndex(({ role }) => role !== 'system');
  if (first < 0 || first + 1 >= messages.length || messages[first]?.role !== 'user') return null;
  const head = headOf(chat, first, look);
  if (head === null) return null;
  const frames = turnFrames(chat.template);
  const contents = [...head.contents];
  let left: Turn = { end: head.text.length, role: 'user', hasCalls: false, call: null };
  for (let index = first + 1; index < messages.length; index++) {
    const found = turnAfter(left, { text, frames, messages, index });
    if (found === null) return null;
    contents.push(...found.spans);
    left = found.turn;
  }
  return { contents, tools: head.tools };
}

function headOf(chat: RenderedChat, first: number, look: (chat: RenderedChat) => Look | null): Head | null {
  const known = heads.get(chat.template) ?? [];
  heads.set(chat.template, known);
  const at = known.findIndex(
    ({ text, contents, toolsGiven }) =>
      contents.at(-1)?.message === first && toolsGiven === chat.tools.length && chat.text.startsWith(text),
  );
  const found = known[at];
  if (found !== undefined) {
    known.splice(at, 1);
    known.unshift(found);
    return found;
  }
  const { template, tools, kwargs } = chat;
  const messages = chat.messages.slice(0, first + 1);
  let text: string;
  try {
    text = renderChat(template, { messages, tools, kwargs, addGenerationPrompt: true });
  } catch {
    return null;
  }
  const seen = look({
    ...chat,
    messages,
    text,
    specialStarts: chat.specialStarts.filter((start) => start < text.length),
  });
  const last = seen?.contents.at(-1);
  if (seen === null || last?.message !== first) return null;
  const head: Head = { ...seen, text: text.slice(0, last.end), toolsGiven: tools.length };
  if (!chat.text.startsWith(head.text) || (seen.tools?.end ?? 0) > last.end) return null;
  known.unshift(head);
  if (known.length > LIMITS.promptHeads) known.pop();
  return head;
}

interface Turn {
  /** End of what is known of the turn. */
  end: number;
  role: EngineMessage['role'];
  /** Calls follow, up to the next turn's opening. */
  hasCalls: boolean;
  /** Its last call, where that is still to come. */
  call: { id: string; function: { name: string } } | null;
}

interface Place {
  text: string;
  frames: TurnFrames;
  messages: readonly EngineMessage[];
  index: number;
}

/** The spans of the turn that follows `left`, its reasoning and its content; null when it is not there. */
function turnAfter(left: Turn, place: Place): { spans: TextSpan[]; turn: Turn } | null {
  const { text, frames, messages, index } = place;
  const message = messages[index]!;
  const { content, reasoning_content: reasoning = '', tool_calls: calls = [] } = message;
  if (content !== null && typeof content !== 'string') return null;
  const said = content ?? '';
  const lead = said.trim() === '' ? (calls[0]?.function.name ?? '') : said;
  const kinds: [TextSpan['kind'], string][] = [
    ['reasoning', reasoning],
    [kindOf(message), lead],
  ];
  const wanted = kinds.filter(([, part]) => part.trim() !== '');
  const start = wanted.flatMap(([kind, part]) => {
    const span = opened(left, place, part);
    return span === null ? [] : [{ ...span, kind, message: index }];
  });
  const [firstSpan] = start.sort((a, b) => a.start - b.start);
  if (firstSpan === undefined) return null;
  const spans = [firstSpan];
  if (firstSpan.kind === 'reasoning' && said.trim() !== '') {
    const span = at(text, firstSpan.end + frames.thoughtGap.length, said);
    const isThere = frames.thoughtGap !== '' && text.startsWith(frames.thoughtGap, firstSpan.end);
    if (!isThere || span === null) return null;
    spans.push({ ...span, kind: kindOf(message), message: index });
  }
  const isSeen = lead !== said && calls.length === 1;
  const call = isSeen ? null : (calls.at(-1) ?? null);
  const turn = { end: spans.at(-1)!.end, role: message.role, hasCalls: calls.length > 0, call };
  return { spans, turn };
}

/** The part after what may stand there: at once after a turn without calls, at the first place after calls. */
function opened(left: Turn, place: Place, part: string): { start: number; end: number } | null {
  const { text, frames, messages, index } = place;
  const { role } = messages[index]!;
  const framed = (learned: string): string => framedFor(learned, messages, index);
  if (!left.hasCalls) {
    for (const learned of frames.between(left.role, role)) {
      const gap = framed(learned);
      const span = text.startsWith(gap, left.end) ? at(text, left.end + gap.length, part) : null;
      if (span !== null) return span;
    }
    return null;
  }
  const places = frames.openings[role].flatMap((learned) =>
    [part, part.trim()].flatMap((form) => {
      const opening = framed(learned);
      const found = text.indexOf(opening + form, left.end);
      return found < 0
        ? []
        : [{ begin: found, start: found + opening.length, end: found + opening.length + form.length }];
    }),
  );
  const [first] = places.sort((a, b) => a.start - b.start || b.end - a.end);
  // An opening that reaches back over the call is none.
  const between = text.slice(left.end, first?.begin);
  const { call } = left;
  const isAfterCall = call === null || between.includes(call.function.name) || between.includes(call.id);
  return first === undefined || !isAfterCall ? null : { start: first.start, end: first.end };
}

/** The part at exactly this place, whole or without the blanks around it. */
function at(text: string, start: number, part: string): { start: number; end: number } | null {
  for (const form of [part, part.trimStart(), part.trimEnd(), part.trim()])
    if (text.startsWith(form, start)) return { start, end: start + form.length };
  return null;
}
