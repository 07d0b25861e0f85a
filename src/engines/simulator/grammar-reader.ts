/** Reads GBNF, as far as our own schema grammars use it. */
import { DynamoError } from '../../errors.js';

export type GrammarNode =
  | { kind: 'text'; text: string }
  /** `text`: one character it allows. */
  | { kind: 'class'; text: string }
  | { kind: 'rule'; name: string }
  | { kind: 'sequence'; parts: GrammarNode[] }
  | { kind: 'choice'; options: GrammarNode[] }
  | { kind: 'repeat'; part: GrammarNode; min: number };

export type Grammar = ReadonlyMap<string, GrammarNode>;

/** Throws `invalid_request` where the text is no grammar. */
export function parseGrammar(text: string): Grammar {
  const grammar = new Map<string, GrammarNode>();
  const lines = text.split('\n').filter((line) => line.trim() !== '' && !line.trimStart().startsWith('#'));
  const rules: string[] = [];
  for (const line of lines) {
    const goesOn = rules.length > 0 && !/^\s*[\w-]+\s*::=/.test(line);
    // A rule may go on in the lines after it.
    rules.push(goesOn ? `${rules.pop()} ${line}` : line);
  }
  for (const rule of rules) {
    const [, name, body] = /^\s*([\w-]+)\s*::=(.*)$/s.exec(rule) ?? [];
    if (name === undefined || body === undefined) throw refused(`\`${rule.slice(0, 40)}\` is no rule`);
    grammar.set(name, new BodyReader(body).read());
  }
  return grammar;
}

class BodyReader {
  #at = 0;

  constructor(private readonly text: string) {}

  read(): GrammarNode {
    const node = this.#choice();
    if (this.#at < this.text.length)
      throw refused(`\`${this.text.slice(this.#at, this.#at + 20)}\` is left over`);
    return node;
  }

  #choice(): GrammarNode {
    const options = [this.#sequence()];
    while (this.#take('|')) options.push(this.#sequence());
    return options.length === 1 ? (options[0] as GrammarNode) : { kind: 'choice', options };
  }

  #sequence(): GrammarNode {
    const parts: GrammarNode[] = [];
    this.#blanks();
    while (this.#at < this.text.length && !'|)'.includes(this.#peek())) {
      parts.push(this.#repeated(this.#atom()));
      this.#blanks();
    }
    return { kind: 'sequence', parts };
  }

  #atom(): GrammarNode {
    if (this.#take('"')) return { kind: 'text', text: this.#literal() };
    if (this.#take('[')) return { kind: 'class', text: this.#class() };
    if (this.#take('(')) {
      const inner = this.#choice();
      if (this.#take(')')) return inner;
      throw refused('a bracket is left open');
    }
    if (this.#take('.')) return { kind: 'class', text: 'a' };
    const name = /^[\w-]+/.exec(this.text.slice(this.#at))?.[0];
    if (name === undefined) throw refused(`\`${this.text.slice(this.#at, this.#at + 20)}\` is no expression`);
    this.#at += name.length;
    return { kind: 'rule', name };
  }

  #repeated(part: GrammarNode): GrammarNode {
    const [match, sign, min] = /^(?:([*+?])|\{(\d+)(?:,\d*)?\})/.exec(this.text.slice(this.#at)) ?? [];
    if (match === undefined) return part;
    this.#at += match.length;
    return { kind: 'repeat', part, min: sign === undefined ? Number(min) : sign === '+' ? 1 : 0 };
  }

  #literal(): string {
    let text = '';
    while (this.#peek() !== '"') text += this.#char();
    this.#at += 1;
    return text;
  }

  #class(): string {
    const isNegated = this.text[this.#at] === '^';
    if (isNegated) this.#at += 1;
    const ranges: [number, number][] = [];
    while (this.#peek() !== ']') {
      const from = codeOf(this.#char());
      const isRange = this.#peek() === '-' && this.text[this.#at + 1] !== ']';
      if (isRange) this.#at += 1;
      ranges.push([from, isRange ? codeOf(this.#char()) : from]);
    }
    this.#at += 1;
    const first = ranges[0];
    if (!isNegated && first !== undefined) return String.fromCodePoint(first[0]);
    const isAllowed = (code: number): boolean => !ranges.some(([from, to]) => code >= from && code <= to);
    // Letters first, then whatever is printable.
    const codes = [97, ...Array.from({ length: 94 }, (_, index) => 33 + index)];
    return String.fromCodePoint(codes.find(isAllowed) ?? 0x2026);
  }

  #char(): string {
    const char = String.fromCodePoint(this.text.codePointAt(this.#at) ?? this.#end());
    this.#at += char.length;
    if (char !== '\\') return char;
    const escaped = this.#peek();
    this.#at += 1;
    const digits = { x: 2, u: 4, U: 8 }[escaped];
    if (digits === undefined) return { n: '\n', r: '\r', t: '\t' }[escaped] ?? escaped;
    this.#at += digits;
    const code = Number.parseInt(this.text.slice(this.#at - digits, this.#at), 16);
    if (!(code <= 0x10ffff)) throw refused('an escape names no character');
    return String.fromCodePoint(code);
  }

  #peek(): string {
    return this.text[this.#at] ?? this.#end();
  }

  #end(): never {
    throw refused('it ends too early');
  }

  #take(char: string): boolean {
    this.#blanks();
    if (this.text[this.#at] !== char) return false;
    this.#at += 1;
    return true;
  }

  #blanks(): void {
    while (this.text[this.#at] === ' ' || this.text[this.#at] === '\t') this.#at += 1;
  }
}

const codeOf = (char: string): number => char.codePointAt(0) as number;

export function refused(detail: string): DynamoError {
  return new DynamoError('invalid_request', { detail: `The grammar cannot be read: ${detail}.` });
}
