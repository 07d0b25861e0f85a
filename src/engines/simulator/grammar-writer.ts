/** Writes a shortest text of a grammar: a call with its required arguments, an empty list, the first of equal choices. */
import { type Grammar, type GrammarNode, refused } from './grammar-reader.js';

/** Longest text that is written; a grammar may ask for a billion repetitions. */
const CHARS_MAX = 1_000_000;

/** Throws `invalid_request` where no text ever ends, or a rule is missing. */
export function shortestText(grammar: Grammar): string {
  const lengths = shortestLengths(grammar);
  if ((lengths.get('root') ?? Number.POSITIVE_INFINITY) > CHARS_MAX)
    throw refused('it has no text that ends');
  const write = (node: GrammarNode): string => {
    switch (node.kind) {
      case 'text':
      case 'class':
        return node.text;
      case 'rule':
        return write(grammar.get(node.name) as GrammarNode);
      case 'sequence':
        return node.parts.map(write).join('');
      case 'choice':
        return write(shortestOf(node.options, lengths));
      case 'repeat':
        return node.min === 0 ? '' : write(node.part).repeat(node.min);
    }
  };
  return write({ kind: 'rule', name: 'root' });
}

function shortestLengths(grammar: Grammar): Map<string, number> {
  const lengths = new Map<string, number>();
  for (let isChanged = true; isChanged; ) {
    isChanged = false;
    for (const [name, node] of grammar) {
      const length = lengthOf(node, lengths);
      if (length >= (lengths.get(name) ?? Number.POSITIVE_INFINITY)) continue;
      lengths.set(name, length);
      isChanged = true;
    }
  }
  return lengths;
}

function lengthOf(node: GrammarNode, known: ReadonlyMap<string, number>): number {
  switch (node.kind) {
    case 'text':
    case 'class':
      return node.text.length;
    case 'rule':
      return known.get(node.name) ?? Number.POSITIVE_INFINITY;
    case 'sequence':
      return node.parts.reduce((sum, part) => sum + lengthOf(part, known), 0);
    case 'choice':
      return lengthOf(shortestOf(node.options, known), known);
    case 'repeat':
      return node.min === 0 ? 0 : node.min * lengthOf(node.part, known);
  }
}

function shortestOf(options: readonly GrammarNode[], known: ReadonlyMap<string, number>): GrammarNode {
  return options.reduce((best, option) => (lengthOf(option, known) < lengthOf(best, known) ? option : best));
}
