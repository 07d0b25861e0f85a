/**
 * @huggingface/jinja's interpreter with its slow paths avoided: it makes a new value for each literal and each name of a
 * property, nine for each turn of a loop, and asks for a text through a function call. A chat of a thousand turns
 * renders in half the time; the text is the same, which tests hold it to.
 */
import { Environment, Interpreter, Template } from '@huggingface/jinja';
import { pythonText } from './python-text.js';

/** A value of the template language. */
interface Value {
  type: string;
  value: unknown;
}

/** A part of a parsed template. */
interface Node {
  type: string;
  [field: string]: unknown;
}

interface Loop extends Node {
  loopvar: Node;
  iterable: Node;
  body: Node[];
  defaultBlock: Node[];
}

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
const GLOBALS = ['false', 'true', 'none', 'raise_exception', 'range', 'strftime_now'];

/** The text of the template with these variables. Throws what the template raises. */
export function renderTemplate(
  template: Template,
  fields: LoopFields,
  variables: Record<string, unknown>,
): string {
  const environment = new Scope();
  for (const [name, value] of globals()) environment.variables.set(name, value);
  for (const [name, value] of Object.entries(variables)) environment.set(name, value);
  return String(new QuickInterpreter(environment, fields).run(template.parsed).value);
}

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

/** The library's own declarations of these are not found by Node's rules for modules. */
interface Variables {
  readonly variables: Map<string, Value>;
  set(name: string, value: unknown): Value;
  setVariable(name: string, value: Value): void;
  lookupVariable(name: string): Value;
}
interface Evaluates {
  run(program: unknown): Value;
  evaluate(node: Node | undefined, environment: Variables): Value;
}
const Scope = Environment as unknown as new (parent?: Variables) => Variables;
const LibraryInterpreter = Interpreter as unknown as new (environment: Variables) => Evaluates;

class QuickInterpreter extends LibraryInterpreter {
  readonly #fields: LoopFields;

  constructor(environment: Variables, fields: LoopFields) {
    super(environment);
    this.#fields = fields;
  }

  override evaluate(statement: Node | undefined, environment: Variables): Value {
    switch (statement?.type) {
      case 'StringLiteral':
      case 'IntegerLiteral':
        return this.#literal(statement, environment);
      case 'MemberExpression':
        return this.#member(statement, environment) ?? super.evaluate(statement, environment);
      case 'CallExpression':
        return this.#text(statement, environment) ?? super.evaluate(statement, environment);
      case 'For':
        return (
          this.#loop(statement as unknown as Loop, environment) ?? super.evaluate(statement, environment)
        );
      default:
        return super.evaluate(statement, environment);
    }
  }

  /** Values never change, so one is enough. */
  #literal(statement: Node, environment: Variables): Value {
    const known = literals.get(statement);
    if (known !== undefined) return known;
    const value = super.evaluate(statement, environment);
    literals.set(statement, value);
    return value;
  }

  /** `a.b` of a mapping that has it; anything else is left to the library, which then looks the names up again. */
  #member(node: Node, environment: Variables): Value | null {
    const { object, property } = node as { object: Node; property: Node } & Node;
    if (node['computed'] === true || property.type !== 'Identifier') return null;
    const held =
      object.type === 'Identifier'
        ? environment.lookupVariable(String(object['value']))
        : object.type === 'MemberExpression'
          ? this.#member(object, environment)
          : null;
    if (held?.type !== 'ObjectValue' && held?.type !== 'NamespaceValue') return null;
    return (held.value as Map<string, Value>).get(String(property['value'])) ?? null;
  }

  /** The function by which a value is written as Python writes it. */
  #text(node: Node, environment: Variables): Value | null {
    if (!isName(node['callee'], '(text)')) return null;
    const [list] = node['args'] as { value: Node[] }[];
    const value = this.evaluate(list!.value[0], environment);
    return value.type === 'StringValue' ? value : new StringValue(pythonText(value));
  }

  /** Null for what only the library's own loop does: filtered ones, mappings and several variables. */
  #loop(node: Loop, environment: Variables): Value | null {
    const { loopvar, iterable, body, defaultBlock } = node;
    if (loopvar.type !== 'Identifier' || !PLAIN.has(iterable.type)) return null;
    const scope = new Scope(environment);
    const list = this.evaluate(iterable, scope);
    if (list.type !== 'ArrayValue') return null;
    const items = list.value as Value[];
    const name = String(loopvar['value']);
    let text = '';
    let isEmpty = true;
    for (let at = 0; at < items.length; at++) {
      scope.setVariable('loop', this.#loopValue(items, at));
      scope.setVariable(name, items[at] as Value);
      try {
        text += this.#block(body, scope);
      } catch (error) {
        if (error instanceof Continue) continue;
        if (error instanceof Break) break;
        throw error;
      }
      isEmpty = false;
    }
    return new StringValue(isEmpty ? text + this.#block(defaultBlock, scope) : text);
  }

  #block(statements: readonly Node[], scope: Variables): string {
    let text = '';
    for (const statement of statements) {
      const value = this.evaluate(statement, scope);
      if (value.type !== 'NullValue' && value.type !== 'UndefinedValue') text += value.toString();
    }
    return text;
  }

  #loopValue(items: readonly Value[], at: number): Value {
    const loop = new ObjectValue(new Map()) as Value & { value: Map<string, Value> };
    const { length } = items;
    for (const field of this.#fields) {
      const value = fieldOf(field, items, at, length);
      if (value !== null) loop.value.set(field, value);
    }
    return loop;
  }
}

function fieldOf(field: string, items: readonly Value[], at: number, length: number): Value | null {
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
      return at === 0 ? TRUE : FALSE;
    case 'last':
      return at === length - 1 ? TRUE : FALSE;
    case 'length':
      return new IntegerValue(length);
    case 'previtem':
      return at > 0 ? (items[at - 1] as Value) : new UndefinedValue();
    case 'nextitem':
      return at < length - 1 ? (items[at + 1] as Value) : new UndefinedValue();
    default:
      return null;
  }
}

/** Expressions without an effect of their own: asked for again by the library's loop they are the same. */
const PLAIN = new Set(['Identifier', 'MemberExpression']);
const literals = new WeakMap<object, Value>();
const maker = new Scope();
type Maker = new (value?: unknown) => Value;
/** The library keeps the classes of its values to itself. */
const [StringValue, IntegerValue, ObjectValue, UndefinedValue] = ['', 1, {}, undefined].map(
  (value, at) => maker.set(`v${at}`, value).constructor as Maker,
) as [Maker, Maker, Maker, Maker];
const TRUE = maker.set('yes', true);
const FALSE = maker.set('no', false);
const Break = thrownBy('Break');
const Continue = thrownBy('Continue');

/** Class of what the library throws to leave a loop. */
function thrownBy(type: string): new () => Error {
  try {
    new LibraryInterpreter(new Scope()).evaluate({ type } as Node, maker);
  } catch (error) {
    return (error as Error).constructor as new () => Error;
  }
  throw new Error(`${type} throws nothing`);
}

let known: [string, Value][] | null = null;

/** Variables of every template, as the library's own renderer has them; inside a list they reach a function as they are. */
function globals(): [string, Value][] {
  if (known !== null) return known;
  let held: Value[] = [];
  const take = (values: Value[]): string => {
    held = values;
    return '';
  };
  new Template(`{{ take([${GLOBALS.join(', ')}]) }}`).render({ take });
  const found = GLOBALS.map((name, at): [string, Value] => [name, held[at] as Value]);
  known = [...found, ...found.slice(0, 3).map(([name, value]): [string, Value] => [titled(name), value])];
  return known;
}

const titled = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1);

function isName(node: unknown, name: string): boolean {
  const { type, value } = (node ?? {}) as { type?: unknown; value?: unknown };
  return type === 'Identifier' && value === name;
}
