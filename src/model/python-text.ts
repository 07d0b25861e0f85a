/**
 * Where @huggingface/jinja departs from Python's Jinja in the text it writes, the parsed template is changed to ask us:
 * a value as text is `True` and `None` and `['a']`, and `strip('\n')` takes off line breaks only. Qwen3, GLM and MiniMax
 * templates rely on both; a prompt that differs by one space is another prompt to the cache.
 */
import type { Template } from '@huggingface/jinja';

interface Node {
  type: string;
  [field: string]: unknown;
}

const STRIPS = new Set(['strip', 'lstrip', 'rstrip']);
/** Nodes that have a value; as a statement of a block they print it. */
const PRINTED = new Set([
  'Identifier',
  'MemberExpression',
  'CallExpression',
  'FilterExpression',
  'BinaryExpression',
  'UnaryExpression',
  'Ternary',
  'TestExpression',
  'ArrayLiteral',
  'ObjectLiteral',
]);
const BLOCKS = ['body', 'alternate', 'defaultBlock'];

/** Variables the changed templates need. The names cannot be written in a template. */
export const PYTHON_FUNCTIONS = {
  '(text)': (held: Held[]) => pythonText(held[0]!),
  '(strip)': (text: unknown, chars: unknown) => stripped(text, chars, true, true),
  '(lstrip)': (text: unknown, chars: unknown) => stripped(text, chars, true, false),
  '(rstrip)': (text: unknown, chars: unknown) => stripped(text, chars, false, true),
} as const;

/** Changes the template in place; rendered with `PYTHON_FUNCTIONS` it writes what Python would. */
export function writeLikePython(template: Template): void {
  rewritten(template.parsed as unknown as Node);
}

function rewritten(node: Node): Node {
  for (const [field, value] of Object.entries(node)) {
    if (Array.isArray(value)) {
      const isBlock = BLOCKS.includes(field);
      for (const [at, item] of value.entries()) if (isNode(item)) value[at] = child(item, isBlock);
    } else if (value instanceof Map) {
      for (const [key, item] of [...value]) {
        value.delete(key);
        value.set(isNode(key) ? rewritten(key) : key, isNode(item) ? rewritten(item) : item);
      }
    } else if (isNode(value)) node[field] = rewritten(value);
  }
  return replaced(node);
}

function child(node: Node, isPrinted: boolean): Node {
  const out = rewritten(node);
  return isPrinted && PRINTED.has(out.type) ? textOf(out) : out;
}

function replaced(node: Node): Node {
  if (node.type === 'FilterExpression' && nameOf(node['filter']) === 'string') return textOf(node['operand']);
  if (node.type === 'BinaryExpression' && (node['operator'] as { value?: unknown }).value === '~') {
    node['left'] = textOf(node['left']);
    node['right'] = textOf(node['right']);
  }
  const callee = node['callee'];
  if (node.type !== 'CallExpression' || !isNode(callee) || callee.type !== 'MemberExpression') return node;
  const name = nameOf(callee['property']);
  const args = node['args'] as unknown[];
  if (callee['computed'] === true || !STRIPS.has(name) || args.length === 0) return node;
  return call(`(${name})`, [callee['object'], ...args]);
}

/** In a list of one, because only inside a list does a value keep its type on the way to a function. */
function textOf(node: unknown): Node {
  return call('(text)', [{ type: 'ArrayLiteral', value: [node] }]);
}

function call(name: string, args: unknown[]): Node {
  return { type: 'CallExpression', callee: { type: 'Identifier', value: name }, args };
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && typeof (value as Node).type === 'string';
}

function nameOf(node: unknown): string {
  return isNode(node) && node.type === 'Identifier' ? String(node['value']) : '';
}

/** A value of the template language. */
interface Held {
  type: string;
  value: unknown;
}

/** `str(value)` */
export function pythonText({ type, value }: Held): string {
  if (typeof value === 'string') return value;
  return type === 'UndefinedValue' ? '' : pythonLiteral({ type, value });
}

/** `repr(value)` */
function pythonLiteral({ type, value }: Held): string {
  if (type === 'NullValue' || value === undefined) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'string') return quoted(value);
  if (Array.isArray(value)) return `[${value.map((item: Held) => pythonLiteral(item)).join(', ')}]`;
  if (value instanceof Map) {
    const entries = [...(value as Map<string, Held>)];
    return `{${entries.map(([key, item]) => `${quoted(key)}: ${pythonLiteral(item)}`).join(', ')}}`;
  }
  const digits = type === 'FloatValue' && Number.isInteger(value) ? `${String(value)}.0` : String(value);
  // 1e-7 has two digits in Python's exponent.
  return digits.replace(/e([+-])(\d)$/, 'e$10$2');
}

function quoted(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const body = text
    .replaceAll('\\', '\\\\')
    .replaceAll('\n', '\\n')
    .replaceAll('\r', '\\r')
    .replaceAll('\t', '\\t')
    .replaceAll(quote, `\\${quote}`)
    .replace(/(?! )[\p{C}\p{Z}]/gu, escaped);
  return quote + body + quote;
}

function escaped(char: string): string {
  const code = char.codePointAt(0)!.toString(16);
  if (code.length <= 2) return `\\x${code.padStart(2, '0')}`;
  return code.length <= 4 ? `\\u${code.padStart(4, '0')}` : `\\U${code.padStart(8, '0')}`;
}

function stripped(text: unknown, chars: unknown, atStart: boolean, atEnd: boolean): string {
  if (typeof text !== 'string') throw new Error('strip() is of texts only');
  if (typeof chars !== 'string') {
    const start = atStart ? text.trimStart() : text;
    return atEnd ? start.trimEnd() : start;
  }
  let from = 0;
  let to = text.length;
  while (atStart && from < to && chars.includes(text[from]!)) from++;
  while (atEnd && to > from && chars.includes(text[to - 1]!)) to--;
  return text.slice(from, to);
}
