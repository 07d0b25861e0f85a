/** The fixed rules and the literals of GBNF text. */

/**
 * Any JSON value. Whitespace is at most one blank after `{ [ , :` and before a closing bracket, and numbers are
 * bounded, because small models otherwise fill the answer with blanks or digits. Escapes name no surrogates, so
 * that one `char` is always one character of the parsed string.
 */
export const BASE_RULES: Readonly<Record<string, string>> = {
  value: 'object | array | string | number | boolean | null',
  object: '"{" ws ( string ":" ws value ( "," ws string ":" ws value )* ws )? "}"',
  array: '"[" ws ( value ( "," ws value )* ws )? "]"',
  string: '"\\"" char* "\\""',
  char: '[^"\\\\\\x00-\\x1f\\x7f] | "\\\\" ( ["\\\\/bfnrt] | "u" code hex hex )',
  code: '[0-9a-ce-fA-CE-F] hex | [dD] [0-7]',
  hex: '[0-9a-fA-F]',
  number: 'integer ( "." [0-9]{1,15} )? ( [eE] [-+]? [0-9]{1,2} )?',
  integer: '"-"? ( "0" | [1-9] [0-9]{0,14} )',
  boolean: '"true" | "false"',
  null: '"null"',
  ws: '" "?',
};

/** A text as a GBNF literal. */
export function quoted(text: string): string {
  const escaped = text
    .replace(/["\\]/g, '\\$&')
    .replace(/[\u0000-\u001f\u007f]/g, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`);
  return `"${escaped}"`;
}

/** A JSON value as the one way `JSON.stringify` writes it. */
export function jsonLiteral(value: unknown): string {
  return quoted(JSON.stringify(value) ?? 'null');
}

/** `{min,max}` in its shortest form; no `max` = any number. */
export function repetition(min: number, max: number | undefined): string {
  if (max === undefined) return min === 0 ? '*' : min === 1 ? '+' : `{${min},}`;
  return `{${min},${max}}`;
}
