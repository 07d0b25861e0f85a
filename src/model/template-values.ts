/**
 * Values of the template language, of the library's own classes but made without their constructors: each of those writes
 * its fields twice, which V8 does the slow way, and a rendering makes some hundred values.
 */
import { Environment, Interpreter } from '@huggingface/jinja';

export interface Value {
  type: string;
  value: unknown;
}

/** The library's own declarations of these are not found by Node's rules for modules. */
export interface Variables {
  readonly parent?: Variables;
  readonly variables: Map<string, Value>;
  readonly tests: Map<string, (operand: Value) => boolean>;
  set(name: string, value: unknown): Value;
  setVariable(name: string, value: Value): void;
}

/** A part of a parsed template. */
export interface Node {
  type: string;
  [field: string]: unknown;
}

interface Evaluates {
  run(program: unknown): Value;
  evaluate(node: Node | undefined, environment: Variables): Value;
}

export const Scope = Environment as unknown as new (parent?: Variables) => Variables;
export const LibraryInterpreter = Interpreter as unknown as new (environment: Variables) => Evaluates;

/** A scope inside another one, which has the functions every template knows. */
export const InnerScope = innerScope();

function innerScope(): new (parent: Variables) => Variables {
  const { tests } = new Scope();
  function Inner(this: { -readonly [field in keyof Variables]: unknown }, parent: Variables): void {
    this.parent = parent;
    this.variables = new Map();
    this.tests = tests;
  }
  Inner.prototype = Scope.prototype;
  return Inner as unknown as new (
    parent: Variables,
  ) => Variables;
}

type Maker = new (value?: unknown) => Value;

/** Makes values that are instances of the library's class for `sample`. */
function makerOf(type: string, sample: unknown): Maker {
  const made = new Scope().set('sample', sample);
  function Made(this: Value & { _builtins: undefined }, value: unknown): void {
    this.type = type;
    this.value = value;
    // Where the library keeps the methods of a value once one was asked for.
    this._builtins = undefined;
  }
  Made.prototype = Object.getPrototypeOf(made);
  return Made as unknown as Maker;
}

export const StringValue = makerOf('StringValue', '');
export const IntegerValue = makerOf('IntegerValue', 1);
export const ArrayValue = makerOf('ArrayValue', []);
export const ObjectValue = makerOf('ObjectValue', {});
const BooleanValue = makerOf('BooleanValue', true);

export const TRUE = new BooleanValue(true);
export const FALSE = new BooleanValue(false);
export const NULL = new (makerOf('NullValue', null))();
export const UNDEFINED = new (makerOf('UndefinedValue', undefined))();

export const boolean = (value: boolean): Value => (value ? TRUE : FALSE);

/** Whether a condition on it holds: as in Python, an empty list is as good as nothing. */
export function isTruthy({ type, value }: Value): boolean {
  if (type === 'ArrayValue' || type === 'TupleValue') return (value as unknown[]).length > 0;
  if (type === 'ObjectValue' || type === 'KeywordArgumentsValue')
    return (value as Map<string, Value>).size > 0;
  return Boolean(value);
}

/** A variable's value for the template. */
export function asValue(input: unknown): Value {
  switch (typeof input) {
    case 'string':
      return new StringValue(input);
    case 'boolean':
      return boolean(input);
    case 'undefined':
      return UNDEFINED;
    case 'object': {
      if (input === null) return NULL;
      if (Array.isArray(input)) return new ArrayValue(input.map(asValue));
      const held = new Map<string, Value>();
      for (const [key, value] of Object.entries(input)) held.set(key, asValue(value));
      return new ObjectValue(held);
    }
    default:
      return new Scope().set('value', input);
  }
}

/** The same for a list of many chats, such as their tools: made once. */
export function sharedValue(list: readonly object[]): Value {
  let value = shared.get(list);
  if (value === undefined) {
    value = asValue(list);
    shared.set(list, value);
    for (const item of [value, ...(value.value as Value[])]) jsonTexts.set(item, null);
  }
  return value;
}

const shared = new WeakMap<readonly object[], Value>();
/** JSON of such lists and of what is in them; null until somebody asked. */
const jsonTexts = new WeakMap<Value, Value | null>();

/** What `write` gives, kept for values that are shared. */
export function jsonOf(value: Value, write: () => Value): Value {
  const known = jsonTexts.get(value);
  if (known === undefined) return write();
  const text = known ?? write();
  if (known === null) jsonTexts.set(value, text);
  return text;
}

/** The value of the nearest scope that has the name. */
export function lookup(name: string, environment: Variables): Value {
  for (let scope: Variables | undefined = environment; scope !== undefined; scope = scope.parent) {
    const found = scope.variables.get(name);
    if (found !== undefined) return found;
  }
  return UNDEFINED;
}

export function isName(node: unknown, name: string): boolean {
  const { type, value } = (node ?? {}) as { type?: unknown; value?: unknown };
  return type === 'Identifier' && value === name;
}
