/**
 * A reader of GBNF as llama.cpp defines it, as far as our grammars use it, and a writer of random texts of a
 * grammar: so that what a grammar allows can be checked without a model.
 */

type Node =
  | { kind: 'text'; text: string }
  | { kind: 'class'; isNegated: boolean; ranges: [number, number][] }
  | { kind: 'rule'; name: string }
  | { kind: 'sequence'; parts: Node[] }
  | { kind: 'choice'; options: Node[] }
  | { kind: 'repeat'; part: Node; min: number; max: number };

export type Grammar = Map<string, Node>;

/** Throws where the text is not well formed, a rule is missing or defined twice, or a rule begins with itself. */
export function parseGrammar(text: string): Grammar {
  const grammar: Grammar = new Map();
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const [, name, body] = /^([a-zA-Z0-9-]+) ::= (.+)$/.exec(line) ?? [];
    if (name === undefined || body === undefined) throw new Error(`not a rule: ${line}`);
    if (grammar.has(name)) throw new Error(`two rules ${name}`);
    grammar.set(name, new BodyReader(body).read());
  }
  if (!grammar.has('root')) throw new Error('no root');
  requireSound(grammar);
  return grammar;
}

class BodyReader {
  #at = 0;

  constructor(private readonly text: string) {}

  read(): Node {
    const node = this.#choice();
    if (this.#at !== this.text.length) throw new Error(`unread: ${this.text.slice(this.#at)}`);
    return node;
  }

  #choice(): Node {
    const options = [this.#sequence()];
    while (this.#take('|')) options.push(this.#sequence());
    return options.length === 1 ? (options[0] as Node) : { kind: 'choice', options };
  }

  #sequence(): Node {
    const parts: Node[] = [];
    this.#blanks();
    while (this.#at < this.text.length && !'|)'.includes(this.#peek())) {
      parts.push(this.#repeated(this.#atom()));
      this.#blanks();
    }
    if (parts.length === 0) throw new Error(`an empty sequence at ${this.#at} of ${this.text}`);
    return { kind: 'sequence', parts };
  }

  #atom(): Node {
    if (this.#take('"')) return this.#literal();
    if (this.#take('[')) return this.#class();
    if (this.#take('(')) {
      const inner = this.#choice();
      if (!this.#take(')')) throw new Error(`an open bracket in ${this.text}`);
      return inner;
    }
    const name = /^[a-zA-Z0-9-]+/.exec(this.text.slice(this.#at))?.[0];
    if (name === undefined) throw new Error(`not an expression: ${this.text.slice(this.#at)}`);
    this.#at += name.length;
    return { kind: 'rule', name };
  }

  #repeated(part: Node): Node {
    const [match, sign, min, comma, max] =
      /^(?:([*+?])|\{(\d+)(,?)(\d*)\})/.exec(this.text.slice(this.#at)) ?? [];
    if (match === undefined) return part;
    this.#at += match.length;
    if (sign !== undefined) {
      return { kind: 'repeat', part, min: sign === '+' ? 1 : 0, max: sign === '?' ? 1 : Infinity };
    }
    const least = Number(min);
    const most = comma === '' ? least : max === '' ? Infinity : Number(max);
    if (most < least || (most !== Infinity && most > 2_000)) throw new Error(`a bad repetition ${match}`);
    return { kind: 'repeat', part, min: least, max: most };
  }

  #literal(): Node {
    let text = '';
    while (this.#peek() !== '"') text += this.#char();
    this.#at += 1;
    return { kind: 'text', text };
  }

  #class(): Node {
    const isNegated = this.#take('^', false);
    const ranges: [number, number][] = [];
    while (this.#peek() !== ']') {
      const from = this.#char().codePointAt(0) as number;
      const isRange = this.#peek() === '-' && this.text[this.#at + 1] !== ']';
      if (isRange) this.#at += 1;
      ranges.push([from, isRange ? (this.#char().codePointAt(0) as number) : from]);
    }
    this.#at += 1;
    return { kind: 'class', isNegated, ranges };
  }

  #char(): string {
    const char = String.fromCodePoint(this.text.codePointAt(this.#at) ?? this.#end());
    this.#at += char.length;
    if (char !== '\\') return char;
    const escaped = this.text[this.#at] ?? '';
    this.#at += 1;
    if (escaped === 'x') {
      this.#at += 2;
      return String.fromCharCode(Number.parseInt(this.text.slice(this.#at - 2, this.#at), 16));
    }
    const named = { n: '\n', r: '\r', t: '\t' }[escaped];
    if (named === undefined && !'"\\[]'.includes(escaped)) throw new Error(`an unknown escape \\${escaped}`);
    return named ?? escaped;
  }

  #end(): never {
    throw new Error(`it ends too early: ${this.text}`);
  }

  #peek(): string {
    return this.text[this.#at] ?? this.#end();
  }

  #take(char: string, skipsBlanks = true): boolean {
    if (skipsBlanks && char !== '"' && char !== '[') this.#blanks();
    if (this.text[this.#at] !== char) return false;
    this.#at += 1;
    return true;
  }

  #blanks(): void {
    while (this.text[this.#at] === ' ') this.#at += 1;
  }
}

function requireSound(grammar: Grammar): void {
  for (const [name, node] of grammar) {
    const missing = rulesIn(node).find((used) => !grammar.has(used));
    if (missing !== undefined) throw new Error(`${name} uses ${missing}, which is no rule`);
  }
  const empty = emptyRules(grammar);
  const begins = new Map([...grammar].map(([name, node]) => [name, firstRules(empty, node)]));
  for (const name of grammar.keys()) {
    const seen = new Set(begins.get(name));
    for (const at of seen) for (const next of begins.get(at) as string[]) seen.add(next);
    if (seen.has(name)) throw new Error(`${name} begins with itself`);
  }
}

function rulesIn(node: Node): string[] {
  if (node.kind === 'rule') return [node.name];
  return partsOf(node).flatMap(rulesIn);
}

function partsOf(node: Node): Node[] {
  if (node.kind === 'sequence') return node.parts;
  if (node.kind === 'choice') return node.options;
  return node.kind === 'repeat' ? [node.part] : [];
}

/** Rules a text of the node may begin with. */
function firstRules(empty: ReadonlySet<string>, node: Node): string[] {
  if (node.kind === 'rule') return [node.name];
  if (node.kind !== 'sequence') return partsOf(node).flatMap((part) => firstRules(empty, part));
  const end = node.parts.findIndex((part) => !canBeEmpty(empty, part));
  return node.parts.slice(0, end === -1 ? undefined : end + 1).flatMap((part) => firstRules(empty, part));
}

function emptyRules(grammar: Grammar): Set<string> {
  const empty = new Set<string>();
  for (let size = -1; size < empty.size; ) {
    size = empty.size;
    for (const [name, node] of grammar) if (canBeEmpty(empty, node)) empty.add(name);
  }
  return empty;
}

function canBeEmpty(empty: ReadonlySet<string>, node: Node): boolean {
  if (node.kind === 'text') return node.text === '';
  if (node.kind === 'class') return false;
  if (node.kind === 'rule') return empty.has(node.name);
  if (node.kind === 'choice') return node.options.some((option) => canBeEmpty(empty, option));
  const isOptional = node.kind === 'repeat' && node.min === 0;
  return isOptional || partsOf(node).every((part) => canBeEmpty(empty, part));
}

/** Rules deep that a shortest text needs; Infinity where no text ever ends. */
export function depths(grammar: Grammar): Map<string, number> {
  const known = new Map([...grammar.keys()].map((name): [string, number] => [name, Infinity]));
  for (let isChanged = true; isChanged; ) {
    isChanged = false;
    for (const [name, node] of grammar) {
      const depth = 1 + depthOf(node, known);
      if (depth < (known.get(name) as number)) {
        known.set(name, depth);
        isChanged = true;
      }
    }
  }
  return known;
}

function depthOf(node: Node, known: ReadonlyMap<string, number>): number {
  if (node.kind === 'rule') return known.get(node.name) as number;
  if (node.kind === 'choice') return Math.min(...node.options.map((option) => depthOf(option, known)));
  if (node.kind === 'repeat') return node.min === 0 ? 0 : depthOf(node.part, known);
  return Math.max(0, ...partsOf(node).map((part) => depthOf(part, known)));
}

/** A random text of the grammar. `random(n)` gives a whole number under n; past `depth` the shortest way is taken. */
export function writeText(grammar: Grammar, random: (below: number) => number, depth = 12): string {
  const known = depths(grammar);
  const write = (node: Node, left: number): string => {
    switch (node.kind) {
      case 'text':
        return node.text;
      case 'class':
        return charOf(node, random);
      case 'rule':
        return write(grammar.get(node.name) as Node, left - 1);
      case 'sequence':
        return node.parts.map((part) => write(part, left)).join('');
      case 'choice': {
        const options = node.options.filter((option) => depthOf(option, known) <= left);
        const shortest = [...node.options].sort((a, b) => depthOf(a, known) - depthOf(b, known))[0] as Node;
        return write(options[random(options.length)] ?? shortest, left);
      }
      case 'repeat': {
        const isShort = depthOf(node.part, known) > left;
        const spread = isShort ? 0 : random(Math.min(node.max - node.min, 4) + 1);
        return Array.from({ length: node.min + spread }, () => write(node.part, left)).join('');
      }
    }
  };
  return write(grammar.get('root') as Node, depth);
}

const SAMPLES = [...'aZ09 _-.,:;{}[]/\\"\'\u00e9\u65e5\u{1f600}\n\u007f<'];

function charOf({ isNegated, ranges }: Node & { kind: 'class' }, random: (below: number) => number): string {
  if (!isNegated) {
    const [from, to] = ranges[random(ranges.length)] as [number, number];
    return String.fromCodePoint(from + random(to - from + 1));
  }
  const allowed = SAMPLES.filter((char) => {
    const code = char.codePointAt(0) as number;
    return !ranges.some(([from, to]) => code >= from && code <= to);
  });
  return allowed[random(allowed.length)] as string;
}
