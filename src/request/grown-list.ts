/**
 * What was made of lists that grow at their end: a conversation's requests share the objects of the turns they have in
 * common, so the beginning of a list is known again by its objects, at the cost of comparing pointers.
 */

interface Known<Item, Made> {
  items: readonly Item[];
  count: number;
  made: Made;
}

/** Items that a turn adds at most; a list that grew by more is looked at from its beginning. */
const LOOK_BACK = 64;

/** Held weakly: what is known of a list goes with its items. Lists and what is made of them must not be changed. */
export class GrownLists<Item, Made> {
  readonly #known = new WeakMap<object, Known<Item, Made>>();

  /** The longest known beginning of the list, and what was made of it. */
  find(items: readonly Item[]): Known<Item, Made> | null {
    for (let count = items.length; count > Math.max(0, items.length - LOOK_BACK); count--) {
      const last = items[count - 1];
      const known = isObject(last) ? this.#known.get(last) : undefined;
      if (known?.count === count && isBeginning(known, items)) return known;
    }
    return null;
  }

  /** `made` = what the first `count` items came to. */
  keep(items: readonly Item[], count: number, made: Made): void {
    const last = items[count - 1];
    if (isObject(last)) this.#known.set(last, { items, count, made });
  }
}

function isBeginning<Item>({ items, count }: Known<Item, unknown>, of: readonly Item[]): boolean {
  if (items === of) return true;
  for (let at = count - 1; at >= 0; at--) if (items[at] !== of[at]) return false;
  return true;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
