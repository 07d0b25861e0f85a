/** Which known names a mistyped one may have meant. */

/** At most three of `names`, nearest first; empty when none is near enough to be meant. */
export function nearestNames(wanted: string, names: string[]): string[] {
  const text = wanted.toLowerCase();
  const isNear = (name: string, distance: number): boolean =>
    distance <= Math.max(2, Math.floor(text.length / 3)) || (text.length >= 3 && name.includes(text));
  return names
    .map((name) => ({ name, distance: editDistance(text, name.toLowerCase()) }))
    .filter(({ name, distance }) => isNear(name, distance))
    .sort((a, b) => a.distance - b.distance || (a.name < b.name ? -1 : 1))
    .slice(0, 3)
    .map(({ name }) => name);
}

/** Levenshtein: insertions, removals and replacements that turn `a` into `b`. */
export function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}
