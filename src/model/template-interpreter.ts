/**
 * @huggingface/jinja's interpreter with its slow paths avoided: it makes a new value for each literal, each name of a
 * property and each truth, nine for each turn of a loop, throws where a name is not set, and asks for a text through a
 * function call. What is rare is left to it. The text is the same, which tests hold it to.
 */
import { Template } from '@huggingface/jinja';
import { pythonText } from './python-text.js';
import { type LoopFields, loopValue } from './template-loops.js';
import { METHODS, operation } from './template-operations.js';
import {
  asValue,
  boolean,
  InnerScope,
  IntegerValue,
  isName,
  isTruthy,
  jsonOf,
  LibraryInterpreter,
  lookup,
  type Node,
  NULL,
  Scope,
  StringValue,
  sharedValue,
  UNDEFINED,
  type Value,
  type Variables,
} from './template-values.js';

interface Loop extends Node {
  loopvar: Node;
  iterable: Node;
  body: Node[];
  defaultBlock: Node[];
}

const GLOBALS = ['false', 'true', 'none', 'raise_exception', 'range', 'strftime_now'];
/** So many of them are also known with a capital letter. */
const TITLED = 3;

/** The text of the template with these variables. Throws what the template raises. */
export function renderTemplate(
  template: Template,
  fields: LoopFields,
  variables: Record<string, unknown>,
): string {
  const environment = new InnerScope(globals());
  for (const [name, value] of Object.entries(variables)) {
    const isShared = name === 'tools' && Array.isArray(value);
    environment.variables.set(name, isShared ? sharedValue(value) : asValue(value));
  }
  return String(new QuickInterpreter(environment, fields).run(template.parsed).value);
}

class QuickInterpreter extends LibraryInterpreter {
  readonly #fields: LoopFields;

  constructor(environment: Variables, fields: LoopFields) {
    super(environment);
    this.#fields = fields;
  }

  override evaluate(statement: Node | undefined, environment: Variables): Value {
    if (statement === undefined) return UNDEFINED;
    switch (statement.type) {
      case 'Held':
        return statement['held'] as Value;
      case 'Identifier':
        return lookup(statement['value'] as string, environment);
      case 'StringLiteral':
      case 'IntegerLiteral':
        return this.#literal(statement, environment);
      case 'MemberExpression':
        return this.#member(statement, environment);
      case 'CallExpression':
        return this.#call(statement, environment);
      case 'BinaryExpression':
        return this.#binary(statement, environment);
      case 'UnaryExpression':
        return this.#unary(statement, environment);
      case 'TestExpression':
        return this.#test(statement, environment);
      case 'FilterExpression':
        return this.#filter(statement, environment);
      case 'If':
        return new StringValue(this.#block(this.#branch(statement, environment) as Node[], environment));
      case 'Ternary': {
        const isMet = isTruthy(this.evaluate(statement['condition'] as Node, environment));
        return this.evaluate(statement[isMet ? 'trueExpr' : 'falseExpr'] as Node, environment);
      }
      case 'Set':
        return this.#set(statement, environment);
      case 'For':
        return this.#loop(statement as unknown as Loop, environment);
      case 'Program':
        return new StringValue(this.#block(statement['body'] as Node[], environment));
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

  /** `a.b` and `a[b]` of a mapping, a list's element; anything else is left to the library. */
  #member(node: Node, environment: Variables): Value {
    const property = node['property'] as Node;
    const object = this.evaluate(node['object'] as Node, environment);
    if (property.type === 'SliceExpression')
      return super.evaluate({ ...node, object: held(object) }, environment);
    if (node['computed'] !== true) {
      const found = property.type === 'Identifier' ? field(object, property['value'] as string) : null;
      return found ?? super.evaluate({ ...node, object: held(object) }, environment);
    }
    const key = this.evaluate(property, environment);
    if (key.type === 'IntegerValue' && object.type === 'ArrayValue')
      return (object.value as Value[]).at(key.value as number) ?? UNDEFINED;
    const found = key.type === 'StringValue' ? field(object, key.value as string) : null;
    return found ?? super.evaluate({ ...node, object: held(object), property: held(key) }, environment);
  }

  #call(node: Node, environment: Variables): Value {
    const callee = node['callee'] as Node;
    const args = node['args'] as Node[];
    if (isName(callee, '(text)')) {
      // The function by which a value is written as Python writes it; its argument is a list of one.
      const value = this.evaluate((args[0] as unknown as { value: Node[] }).value[0], environment);
      return value.type === 'StringValue' ? value : new StringValue(pythonText(value));
    }
    if (callee.type !== 'MemberExpression' || callee['computed'] === true)
      return super.evaluate(node, environment);
    const object = this.evaluate(callee['object'] as Node, environment);
    const method =
      object.type === 'StringValue' ? METHODS.get(String((callee['property'] as Node)['value'])) : undefined;
    const call = { ...node, callee: { ...callee, object: held(object) } };
    if (method === undefined || args.some(({ type }) => !PLAIN.has(type)))
      return super.evaluate(call, environment);
    const given = args.map((arg) => this.evaluate(arg, environment));
    return (
      method(object.value as string, given) ?? super.evaluate({ ...call, args: given.map(held) }, environment)
    );
  }

  #binary(node: Node, environment: Variables): Value {
    const { value: operator } = node['operator'] as { value: string };
    const left = this.evaluate(node['left'] as Node, environment);
    if (operator === 'and') return isTruthy(left) ? this.evaluate(node['right'] as Node, environment) : left;
    if (operator === 'or') return isTruthy(left) ? left : this.evaluate(node['right'] as Node, environment);
    const right = this.evaluate(node['right'] as Node, environment);
    return (
      operation(operator, left, right) ??
      super.evaluate({ ...node, left: held(left), right: held(right) }, environment)
    );
  }

  #unary(node: Node, environment: Variables): Value {
    const argument = this.evaluate(node['argument'] as Node, environment);
    if ((node['operator'] as { value: string }).value === 'not') return boolean(!isTruthy(argument));
    return super.evaluate({ ...node, argument: held(argument) }, environment);
  }

  #test(node: Node, environment: Variables): Value {
    const operand = this.evaluate(node['operand'] as Node, environment);
    const test = environment.tests.get(String((node['test'] as Node)['value']));
    if (test === undefined) return super.evaluate({ ...node, operand: held(operand) }, environment);
    return boolean(test(operand) !== (node['negate'] === true));
  }

  #filter(node: Node, environment: Variables): Value {
    const operand = this.evaluate(node['operand'] as Node, environment);
    if (operand.type === 'StringValue' && isName(node['filter'], 'trim'))
      return new StringValue((operand.value as string).trim());
    if (operand.type === 'ArrayValue' && isName(node['filter'], 'length'))
      return new IntegerValue((operand.value as Value[]).length);
    const filtered = (): Value => super.evaluate({ ...node, operand: held(operand) }, environment);
    return isName(node['filter'], 'tojson') ? jsonOf(operand, filtered) : filtered();
  }

  #branch(node: Node, environment: Variables): unknown {
    return node[isTruthy(this.evaluate(node['test'] as Node, environment)) ? 'body' : 'alternate'];
  }

  #set(node: Node, environment: Variables): Value {
    const assignee = node['assignee'] as Node;
    const given = node['value'] as Node | undefined;
    if (assignee.type !== 'Identifier' || !given) return super.evaluate(node, environment);
    environment.setVariable(assignee['value'] as string, this.evaluate(given, environment));
    return NULL;
  }

  /** Filtered loops, those over mappings and with several variables are the library's. */
  #loop(node: Loop, environment: Variables): Value {
    const { loopvar, iterable, body, defaultBlock } = node;
    if (loopvar.type !== 'Identifier' || iterable.type === 'SelectExpression')
      return super.evaluate(node, environment);
    const scope = new InnerScope(environment);
    const list = this.evaluate(iterable, scope);
    if (list.type !== 'ArrayValue') return super.evaluate({ ...node, iterable: held(list) }, environment);
    const items = list.value as Value[];
    const name = loopvar['value'] as string;
    let text = '';
    let isEmpty = true;
    for (let at = 0; at < items.length; at++) {
      scope.setVariable('loop', loopValue(this.#fields, items, at));
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
}

/** A node that stands for a value which is there already. */
const held = (value: Value): Node => ({ type: 'Held', held: value });

/** What a mapping or namespace holds under the name; null where only the library knows. */
function field({ type, value }: Value, name: string): Value | null {
  if (type === 'ObjectValue') {
    const found = (value as Map<string, Value>).get(name);
    return found ?? (MAPPING_METHODS.has(name) ? null : UNDEFINED);
  }
  return type === 'NamespaceValue' ? ((value as Map<string, Value>).get(name) ?? UNDEFINED) : null;
}

const MAPPING_METHODS = new Set(['get', 'items', 'keys', 'values', 'dictsort']);
/** Arguments that are what they say: none by name, none to be unpacked. */
const PLAIN = new Set(['StringLiteral', 'IntegerLiteral', 'Identifier', 'MemberExpression']);
const literals = new WeakMap<object, Value>();
const Break = thrownBy('Break');
const Continue = thrownBy('Continue');

/** Class of what the library throws to leave a loop. */
function thrownBy(type: string): new () => Error {
  try {
    new LibraryInterpreter(new Scope()).evaluate({ type }, new Scope());
  } catch (error) {
    return (error as Error).constructor as new () => Error;
  }
  throw new Error(`${type} throws nothing`);
}

let known: Variables | null = null;

/** Variables of every template, as the library's own renderer has them; inside a list they reach a function as they are. */
function globals(): Variables {
  if (known !== null) return known;
  let given: Value[] = [];
  const take = (values: Value[]): string => {
    given = values;
    return '';
  };
  new Template(`{{ take([${GLOBALS.join(', ')}]) }}`).render({ take });
  known = new Scope();
  for (const [at, name] of GLOBALS.entries()) {
    known.variables.set(name, given[at] as Value);
    if (at < TITLED) known.variables.set(name.charAt(0).toUpperCase() + name.slice(1), given[at] as Value);
  }
  return known;
}
