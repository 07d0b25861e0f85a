/**
 * Finding message contents in a rendered prompt, whatever the template does: each content gets an invisible mark
 * in its middle, the chat is rendered once more, and the places of the marks are the places of the contents.
 *
 * The middle is what templates leave alone: they trim ends and look at how a text begins. Marks are made of
 * Unicode noncharacters, which no real text has; when the marked text without its marks is not the prompt itself,
 * the template did notice and the caller must not use the places.
 */
import type { EngineMessage, EngineTool } from '../request/engine-body.js';
import type { RegionKind } from './types.js';

/** A text that was marked. */
export interface MarkedPart {
  /** Index of the engine message, -1 for tools. */
  message: number;
  kind: RegionKind;
  text: string;
  /** Offset of the mark in `text`. */
  at: number;
}

export interface FoundMark {
  part: MarkedPart;
  /** UTF-16 offset in the text without marks. */
  position: number;
}

const OPEN = '\ufdd0';
const CLOSE = '\ufdef';
const DIGIT_BASE = 0xfdd1;
const MARK = /\ufdd0([\ufdd1-\ufde0]+)\ufdef/g;
/** Longest tag a mark steps out of; longer runs between `<` and `>` are not tags. */
const TAG_CHARS_MAX = 40;

/** True when the text has characters marks are made of; then it cannot be marked. */
export function hasMarkCharacters(text: string): boolean {
  return text.includes(OPEN) || text.includes(CLOSE);
}

/** Marks every content of the messages, and the names of the first and the last tool. */
export function markChat(
  messages: readonly EngineMessage[],
  tools: readonly EngineTool[],
): { messages: EngineMessage[]; tools: EngineTool[]; parts: MarkedPart[] } {
  const parts: MarkedPart[] = [];
  const mark = (text: string, message: number, kind: RegionKind): string => {
    const at = quietPlace(text);
    if (at === null) return text;
    parts.push({ message, kind, text, at });
    return `${text.slice(0, at)}${encodeMark(parts.length - 1)}${text.slice(at)}`;
  };
  return {
    messages: messages.map((message, index) => markMessage(message, index, mark)),
    tools: tools.map((tool, index) => {
      if (index > 0 && index < tools.length - 1) return tool;
      return { ...tool, function: { ...tool.function, name: mark(tool.function.name, -1, 'tools') } };
    }),
    parts,
  };
}

/** Removes the marks and tells where they were, in order. */
export function stripMarks(text: string, parts: readonly MarkedPart[]): { text: string; marks: FoundMark[] } {
  const marks: FoundMark[] = [];
  let removed = 0;
  const plain = text.replace(MARK, (mark: string, digits: string, offset: number) => {
    const part = parts[decodeMark(digits)];
    if (part !== undefined) marks.push({ part, position: offset - removed });
    removed += mark.length;
    return '';
  });
  return { text: plain, marks };
}

function markMessage(
  message: EngineMessage,
  index: number,
  mark: (text: string, message: number, kind: RegionKind) => string,
): EngineMessage {
  const kind = kindOf(message);
  const { content, reasoning_content: reasoning, tool_calls: calls } = message;
  return {
    ...message,
    ...(reasoning === undefined ? {} : { reasoning_content: mark(reasoning, index, 'reasoning') }),
    content: typeof content === 'string' ? mark(content, index, kind) : content,
    ...(calls === undefined
      ? {}
      : {
          tool_calls: calls.map((call) => ({
            ...call,
            function: { ...call.function, name: mark(call.function.name, index, 'conversation') },
          })),
        }),
  };
}

export function kindOf(message: Pick<EngineMessage, 'role'>): RegionKind {
  if (message.role === 'system') return 'system';
  return message.role === 'tool' ? 'tool_result' : 'conversation';
}

/** A place near the middle of the text, inside its trimmed part, not inside a tag or a surrogate pair; null for blank text. */
function quietPlace(text: string): number | null {
  const start = text.length - text.trimStart().length;
  const end = text.trimEnd().length;
  if (start >= end) return null;
  let at = start + Math.ceil((end - start) / 2);
  const open = text.lastIndexOf('<', at - 1);
  const close = open < 0 ? -1 : text.indexOf('>', open);
  if (open >= start && close >= at && close - open <= TAG_CHARS_MAX) at = close + 1 < end ? close + 1 : open;
  const isLowSurrogate = (text.charCodeAt(at) & 0xfc00) === 0xdc00;
  return isLowSurrogate ? at - 1 : at;
}

function encodeMark(index: number): string {
  const digits = [...index.toString(16)].map((digit) =>
    String.fromCharCode(DIGIT_BASE + Number.parseInt(digit, 16)),
  );
  return `${OPEN}${digits.join('')}${CLOSE}`;
}

function decodeMark(digits: string): number {
  return Number.parseInt(
    [...digits].map((digit) => (digit.charCodeAt(0) - DIGIT_BASE).toString(16)).join(''),
    16,
  );
}
