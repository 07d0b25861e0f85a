/** A flag whose value may be left out: `--simulate` as well as `--simulate=8xh200`, which the parser knows not. */

/** The words with `value` given to a `flag` that stands without one; a word that is no flag is taken for its value. */
export function withOptionalValue(argv: readonly string[], flag: string, value: string): string[] {
  return argv.map((word, index) => {
    const next = argv[index + 1];
    const isBare = word === flag && (next === undefined || next.startsWith('-'));
    return isBare ? `${flag}=${value}` : word;
  });
}
