/** The text in a block of a kind that engines do not know. */
import { isFields } from '../fields.js';

/** Where blocks keep what a person would read, in the order in which it is read. */
const READABLE = ['title', 'url', 'source', 'text', 'content', 'stdout', 'stderr'] as const;
const DEPTH_MAX = 5;

/** Lines of text found in a block and what it holds; '' when there is none. */
export function readableText(value: unknown, depth = 0): string {
  if (typeof value === 'string') return value;
  if (depth > DEPTH_MAX) return '';
  if (Array.isArray(value)) return joined(value.map((item) => readableText(item, depth + 1)));
  if (!isFields(value)) return '';
  // A document inside a result keeps its text under `data`; that of a file is not text.
  if (value['type'] === 'text' && typeof value['data'] === 'string') return value['data'];
  return joined(READABLE.map((name) => readableText(value[name], depth + 1)));
}

function joined(parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join('\n');
}
