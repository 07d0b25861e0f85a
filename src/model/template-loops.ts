/** What a template sees of a loop it is in. */
import type { Template } from '@huggingface/jinja';
import {
  boolean,
  IntegerValue,
  isName,
  type Node,
  ObjectValue,
  UNDEFINED,
  type Value,
} from './template-values.js';

/** Fields of `loop` that a template names, so that no others are made. */
export type LoopFields = ReadonlySet<string>;

const FIELDS = [
  'index',
  'index0',
  'revindex',
  'revindex0',
  'first',
  'last',
  'length',
  'previtem',
  'nextitem',
];
/** Which fields of `loop` the template may read: all of them where it uses `loop` by itself. */
export function loopFields(template: Template): LoopFields {
  const found = new Set<string>();
  const visit = (value: unknown): boolean => {
    if (Array.isArray(value)) return value.every(visit);
    if (value instanceof Map) return [...value].every(visit);
    if (typeof value !== 'object' || value === null) return true;
    const node = value as Node;
    if (isName(node, 'loop')) return false;
    if (node.type === 'MemberExpression' && node['computed'] !== true && isName(node['object'], 'loop')) {
      found.add(String((node['property'] as Node)['value']));
      return true;
    }
    return Object.values(node).every(visit);
  };
  return visit(template.parsed) ? found : new Set(FIELDS);
}

/** The value of `loop` at one of its items. */
export function loopValue(fields: LoopFields, items: readonly Value[], at: number): Value {
  const held = new Map<string, Value>();
  for (const name of fields) {
    const value = fieldOf(name, items, at);
    if (value !== null) held.set(name, value);
  }
  return new ObjectValue(held);
}

function fieldOf(field: string, items: readonly Value[], at: number): Value | null {
  const { length } = items;
  switch (field) {
    case 'index':
      return new IntegerValue(at + 1);
    case 'index0':
      return new IntegerValue(at);
    case 'revindex':
      return new IntegerValue(length - at);
    case 'revindex0':
      return new IntegerValue(length - at - 1);
    case 'first':
      return boolean(at === 0);
    case 'last':
      return boolean(at === length - 1);
    case 'length':
      return new IntegerValue(length);
    case 'previtem':
      return at > 0 ? (items[at - 1] as Value) : UNDEFINED;
    case 'nextitem':
      return at < length - 1 ? (items[at + 1] as Value) : UNDEFINED;
    default:
      return null;
  }
}
