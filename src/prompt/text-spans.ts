/** Cuts a rendered chat into spans of one kind and message each. Offsets are UTF-16; the spans tile the text. */
import { type ChatTemplate, renderChat } from '../model/chat-template.js';
import type { EngineMessage, EngineTool } from '../request/engine-body.js';
import { type FoundMark, hasMarkCharacters, type MarkedPart, markChat, stripMarks } from './marks.js';
import { quickLook } from './quick-look.js';
import { framedFor, openingBefore, type TurnFrames, turnFrames } from './turn-frames.js';
import type { RegionKind } from './types.js';

export interface TextSpan {
  kind: RegionKind;
  /** Index of the engine message, -1 for tools and template text. */
  message: number;
  start: number;
  end: number;
}

export interface RenderedChat {
  template: ChatTemplate;
  messages: readonly EngineMessage[];
  tools: readonly EngineTool[];
  kwargs: Record<string, unknown>;
  text: string;
  /** Special tokens in the text: offsets where one begins. */
  specialStarts: readonly number[];
}

/** Where contents and tools stand in the text. */
export interface Look {
  /** In order; calls may be left out where their message has a content before them. */
  contents: readonly TextSpan[];
  tools: TextSpan | null;
}

/** Null when the template reacted to being looked at, so that exact places are not known. */
export function chatSpans(chat: RenderedChat): TextSpan[] | null {
  if (hasMarkCharacters(chat.text)) return null;
  const look = quickLook(chat, markedLook) ?? markedLook(chat);
  return look === null ? null : spansOf(look, chat);
}

/** The spans that follow from a look: the template's own text goes to its neighbours. */
export function spansOf({ contents, tools }: Look, chat: RenderedChat): TextSpan[] {
  return joinSpans(paintTools(tileSpans(contents, chat), tools));
}

/** Looks by rendering the chat with marks, and once more without tools. */
export function markedLook(chat: RenderedChat): Look | null {
  // Where a template shows its tools in another form than as text, their marks are not found again.
  const marks = foundMarks(chat, chat.tools) ?? foundMarks(chat, []);
  if (marks === null) return null;
  const isTool = ({ part }: FoundMark): boolean => part.kind === 'tools';
  const contents = contentSpans(
    chat.text,
    marks.filter((mark) => !isTool(mark)),
  );
  const borders = [...contents, ...tileSpans(contents, chat)];
  return { contents, tools: toolSpan(chat, borders, marks.filter(isTool)) };
}

/** Null when the marked chat is not the chat with marks. */
function foundMarks(chat: RenderedChat, marked: readonly EngineTool[]): FoundMark[] | null {
  const { messages, tools, parts } = markChat(chat.messages, marked);
  const again = tryRender(chat, messages, marked.length === 0 ? chat.tools : tools);
  if (again === null) return null;
  const { text, marks } = stripMarks(again, parts);
  return text === chat.text ? marks : null;
}

/** The whole content around each mark; where the template shortened it, as much as is left around the mark. */
function contentSpans(text: string, marks: readonly FoundMark[]): TextSpan[] {
  const spans: TextSpan[] = [];
  // Some templates name the call again before its result.
  const seen = new Set<MarkedPart>();
  let free = 0;
  for (const { part, position } of marks) {
    if (seen.has(part)) continue;
    seen.add(part);
    const start = Math.max(free, position - matchBefore(text, position, part.text, part.at));
    const end = Math.max(start, position + matchAfter(text, position, part.text, part.at));
    spans.push({ kind: part.kind, message: part.message, start, end });
    free = end;
  }
  return spans;
}

function matchBefore(text: string, position: number, part: string, at: number): number {
  if (text.startsWith(part.slice(0, at), position - at)) return at;
  let length = 0;
  while (length < at && text[position - length - 1] === part[at - length - 1]) length++;
  return length;
}

function matchAfter(text: string, position: number, part: string, at: number): number {
  const rest = part.slice(at);
  if (text.startsWith(rest, position)) return rest.length;
  let length = 0;
  while (length < rest.length && text[position + length] === rest[length]) length++;
  return length;
}

/** Gives the template's own text between two contents to its neighbours. */
function tileSpans(contents: readonly TextSpan[], chat: RenderedChat): TextSpan[] {
  const frames = turnFrames(chat.template);
  const end = chat.text.length;
  const out: TextSpan[] = [];
  let open: TextSpan = { kind: 'system', message: -1, start: 0, end: 0 };
  for (const [index, span] of contents.entries()) {
    const cut = index === 0 ? firstCut(span, chat, frames) : cutBetween(open, span, chat, frames);
    out.push({ ...open, end: cut });
    // A turn that begins with reasoning still opens with the template's text, which is not reasoning.
    const header = span.kind === 'reasoning' ? span.start : cut;
    out.push({ kind: 'conversation', message: span.message, start: cut, end: header });
    open = { ...span, start: header };
  }
  if (contents.length === 0) return [{ kind: 'conversation', message: -1, start: 0, end }];
  const last = turnEnd(open, end, chat, frames);
  return [...out, { ...open, end: last }, { kind: 'output', message: -1, start: last, end }];
}

/** Before the first content: a system turn the template added by itself, else all of it belongs to the first message. */
function firstCut(first: TextSpan, chat: RenderedChat, frames: TurnFrames): number {
  if (first.kind === 'system' || frames.closings.system === '') return 0;
  const at = chat.text.slice(0, first.start).lastIndexOf(frames.closings.system);
  return at < 0 ? 0 : at + frames.closings.system.length;
}

function cutBetween(left: TextSpan, right: TextSpan, chat: RenderedChat, frames: TurnFrames): number {
  if (left.message !== right.message) return turnStart(left, right, chat, frames);
  // Within a message the template's text goes to the conversation, so that reasoning is exactly the reasoning.
  return left.kind === 'reasoning' ? left.end : right.start;
}

/** Shorter openings may stand anywhere. */
const TELLING_CHARS = 8;

/** Where the turn of `right` begins: at its role's opening text, else where the turn before it ends. */
function turnStart(left: TextSpan, right: TextSpan, chat: RenderedChat, frames: TurnFrames): number {
  const role = chat.messages[right.message]?.role ?? 'user';
  const openings = frames.openings[role].map((text) => framedFor(text, chat.messages, right.message));
  const opening = openingBefore(chat.text, { from: left.end, to: right.start }, openings);
  if (opening > 0) return right.start - opening;
  // A content the template wrote in another form begins earlier than what is left of it.
  const gap = chat.text.slice(left.end, right.start);
  const within = openings
    .filter(({ length }) => length >= TELLING_CHARS)
    .map((text) => gap.lastIndexOf(text));
  const at = within.find((place) => place >= 0);
  return at === undefined ? turnEnd(left, right.start, chat, frames) : left.end + at;
}

/**
 * Where the turn of `left` ends before `limit`: after its role's closing text; else at the second special token
 * (the first one closes, the second one opens), or at the only one.
 */
function turnEnd(left: TextSpan, limit: number, chat: RenderedChat, { closings }: TurnFrames): number {
  const role = chat.messages[left.message]?.role ?? 'user';
  const closing = closings[role];
  const at = closing === '' ? -1 : chat.text.slice(left.end, limit).lastIndexOf(closing);
  if (at >= 0) return left.end + at + closing.length;
  const specials = chat.specialStarts.filter((start) => start >= left.end && start < limit);
  return specials[1] ?? specials[0] ?? left.end;
}

/**
 * What the tools add to the text: from the first to the last difference against the same chat without them, but no
 * content of a message. Some templates change their own system text too when there are tools, so the differences
 * may begin long before the list, and end long after it.
 */
function toolSpan(
  chat: RenderedChat,
  others: readonly TextSpan[],
  marks: readonly FoundMark[],
): TextSpan | null {
  if (chat.tools.length === 0) return null;
  const bare = tryRender(chat, chat.messages, []);
  const range = bare === null ? { start: 0, end: chat.text.length } : difference(bare, chat.text);
  const first = marks[0];
  if (first === undefined) return bare === null ? null : { kind: 'tools', message: -1, ...range };
  // A template may name tools again further down.
  const next = Math.min(...others.map(({ start }) => start).filter((start) => start > first.position));
  const last = marks.findLast(({ position }) => position < next) ?? first;
  for (const { start, end } of others) {
    for (const border of [start, end]) {
      if (border <= first.position) range.start = Math.max(range.start, border);
      if (border > last.position) range.end = Math.min(range.end, border);
    }
  }
  return range.end > range.start ? { kind: 'tools', message: -1, ...range } : null;
}

/** Where `text` is not `bare`, from the first difference to the last. */
function difference(bare: string, text: string): { start: number; end: number } {
  let start = 0;
  while (start < bare.length && bare[start] === text[start]) start++;
  let tail = 0;
  const tailMax = Math.min(bare.length, text.length) - start;
  while (tail < tailMax && bare[bare.length - tail - 1] === text[text.length - tail - 1]) tail++;
  return { start, end: text.length - tail };
}

/** Null when the template refuses: some take no chat without tools. */
function tryRender(
  { template, kwargs }: RenderedChat,
  messages: readonly EngineMessage[],
  tools: readonly EngineTool[],
): string | null {
  try {
    return renderChat(template, { messages, tools, kwargs, addGenerationPrompt: true });
  } catch {
    return null;
  }
}

function paintTools(spans: readonly TextSpan[], tools: TextSpan | null): TextSpan[] {
  if (tools === null) return [...spans];
  const before = spans.flatMap((span) =>
    span.start < tools.start ? [{ ...span, end: Math.min(span.end, tools.start) }] : [],
  );
  const after = spans.flatMap((span) =>
    span.end > tools.end ? [{ ...span, start: Math.max(span.start, tools.end) }] : [],
  );
  return [...before, tools, ...after];
}

/** Drops empty spans and joins neighbours that are alike. */
function joinSpans(spans: readonly TextSpan[]): TextSpan[] {
  const out: TextSpan[] = [];
  for (const span of spans) {
    if (span.end <= span.start) continue;
    const last = out.at(-1);
    if (last !== undefined && last.kind === span.kind && last.message === span.message) last.end = span.end;
    else out.push({ ...span });
  }
  return out;
}
