/** Raw model text as text, reasoning and tool calls: for engines whose own parsers are missing or wrong. */

export interface ParsedCall {
  name: string;
  /** JSON text of an object. */
  arguments: string;
}

export type Parsed =
  | { kind: 'text'; text: string }
  | { kind: 'thinking'; text: string }
  | { kind: 'call'; call: ParsedCall };

/**
 * Incremental: what may still become a marker is held back, everything else passes at once. Never throws. Whatever is
 * not a well-formed call of a declared tool comes out as the text it is.
 */
export interface OutputParser {
  push(text: string): Parsed[];
  /** The output is over: what was held back. */
  finish(): Parsed[];
}

/** Declared tools by name, with the JSON schema of their arguments. */
export type DeclaredTools = ReadonlyMap<string, Record<string, unknown>>;

/** What the text between a format's markers is: calls, not a call at all, or not yet whole although a closing marker came. */
export type Body = ParsedCall[] | 'text' | 'incomplete';

/** A format whose calls stand between markers. */
export interface TaggedFormat {
  /** Opening markers; the first of them to come opens. */
  open: readonly string[];
  /** The marker that closes what `open` opened. */
  close(open: string): string;
  /** Reads what stands between. `isLast` = the output ended without the closing marker. */
  read(body: string, tools: DeclaredTools, open: string, isLast: boolean): Body;
}

export type ToolFormatName =
  | 'hermes'
  | 'glm'
  | 'qwen3-coder'
  | 'minimax-m2'
  | 'deepseek'
  | 'dsml'
  | 'kimi'
  | 'llama'
  | 'harmony';
/** Where reasoning stands: between tags, from the very start up to the closing tag (the prompt opened it), or nowhere. */
export type ReasoningForm = 'tags' | 'opened' | 'none';
