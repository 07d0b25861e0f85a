/** Operators and methods of the template language where both sides are plain; null = the library knows. */
import { ArrayValue, boolean, IntegerValue, StringValue, type Value } from './template-values.js';

/** `left operator right`, but for `and` and `or`. */
export function operation(operator: string, left: Value, right: Value): Value | null {
  // biome-ignore lint/suspicious/noDoubleEquals: as the library compares
  if (operator === '==') return boolean(left.value == right.value);
  // biome-ignore lint/suspicious/noDoubleEquals: as the library compares
  if (operator === '!=') return boolean(left.value != right.value);
  const isText = left.type === 'StringValue';
  if (isText && right.type === 'StringValue')
    return textOperation(operator, left.value as string, right.value as string);
  if (left.type === 'IntegerValue' && right.type === 'IntegerValue')
    return integerOperation(operator, left.value as number, right.value as number);
  const isMember = operator === 'in' || operator === 'not in';
  if (isText && right.type === 'ObjectValue' && isMember)
    return boolean((right.value as Map<string, Value>).has(left.value as string) === (operator === 'in'));
  return null;
}

function textOperation(operator: string, left: string, right: string): Value | null {
  if (operator === '+' || operator === '~') return new StringValue(left + right);
  if (operator === 'in') return boolean(right.includes(left));
  return operator === 'not in' ? boolean(!right.includes(left)) : null;
}

function integerOperation(operator: string, left: number, right: number): Value | null {
  switch (operator) {
    case '+':
      return new IntegerValue(left + right);
    case '-':
      return new IntegerValue(left - right);
    case '%':
      return new IntegerValue(left % right);
    case '<':
      return boolean(left < right);
    case '>':
      return boolean(left > right);
    case '<=':
      return boolean(left <= right);
    case '>=':
      return boolean(left >= right);
    default:
      return null;
  }
}

type Method = (text: string, args: readonly Value[]) => Value | null;

const bare =
  (change: (text: string) => string): Method =>
  (text, args) =>
    args.length === 0 ? new StringValue(change(text)) : null;

/** Of one argument, a text. */
const of =
  (answer: (text: string, part: string) => Value | null): Method =>
  (text, args) => {
    const [part] = args;
    return args.length === 1 && part?.type === 'StringValue' ? answer(text, part.value as string) : null;
  };

/** Methods of a text. */
export const METHODS: ReadonlyMap<string, Method> = new Map([
  ['startswith', of((text, part) => boolean(text.startsWith(part)))],
  ['endswith', of((text, part) => boolean(text.endsWith(part)))],
  ['split', of((text, part) => (part === '' ? null : textList(text.split(part))))],
  ['strip', bare((text) => text.trim())],
  ['lstrip', bare((text) => text.trimStart())],
  ['rstrip', bare((text) => text.trimEnd())],
  ['upper', bare((text) => text.toUpperCase())],
  ['lower', bare((text) => text.toLowerCase())],
]);

const textList = (parts: readonly string[]): Value =>
  new ArrayValue(parts.map((part) => new StringValue(part)));
