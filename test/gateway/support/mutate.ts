/** Seeded mutations of JSON bodies: what a broken or hostile client might send. */

interface Place {
  holder: object;
  key: string | number;
}

/** Values where a decoder might trip: bounds, wrong types, names every object inherits, things nested too deep. */
const ODD: readonly unknown[] = [
  ...[
    null,
    true,
    false,
    0,
    -1,
    1,
    0.5,
    1e308,
    -1e308,
    2 ** 31,
    2 ** 53,
    '',
    ' ',
    '0',
    'none',
    'auto',
    'null',
  ],
  ...[
    'x'.repeat(300),
    '\u0000',
    '\uD800',
    '__proto__',
    'data:image/png;base64,AA',
    'data:,x',
    'https://x/y.png',
  ],
  ...[
    [],
    {},
    [[]],
    [null],
    [{}],
    [[1, 2], [3]],
    ['a', 1],
    { type: null },
    { type: 'text' },
    { type: 'function' },
  ],
  ...[{ toString: 1, valueOf: 1 }, { length: 3 }, { type: 'tool_use', input: 1 }, { function: {} }],
  ...[{ name: 'f' }, { type: 'object', properties: { toString: {} } }],
];

const KEYS = [
  'type',
  'role',
  'content',
  'text',
  'name',
  'id',
  'input',
  'constructor',
  'toString',
  '__proto__',
  '',
];

export class Mutator {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** Below `bound`; mulberry32. */
  next(bound: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  }

  of<T>(list: readonly T[]): T {
    return list[this.next(list.length)] as T;
  }

  /** One of the bases with one to four places changed, as the JSON text a client would send. */
  text(bases: readonly unknown[]): string {
    let body = structuredClone(this.of(bases));
    for (let count = 1 + this.next(4); count > 0; count -= 1) body = this.#changed(body, bases);
    return JSON.stringify(body) ?? 'null';
  }

  #changed(body: unknown, bases: readonly unknown[]): unknown {
    const places = placesOf(body);
    if (places.length === 0) return this.of(ODD);
    const { holder, key } = this.of(places);
    const value = valueAt({ holder, key });
    switch (this.next(8)) {
      case 0:
        if (Array.isArray(holder)) holder.splice(Number(key), 1);
        else delete (holder as Record<string, unknown>)[key];
        break;
      case 1:
        if (Array.isArray(holder)) holder.push(structuredClone(value));
        else set(holder, this.of(KEYS), structuredClone(value));
        break;
      case 2: {
        // A part of another body, where it does not belong.
        const others = placesOf(this.of(bases));
        set(holder, key, others.length === 0 ? null : structuredClone(valueAt(this.of(others))));
        break;
      }
      case 3:
        set(holder, key, nested(value, 1 + this.next(60)));
        break;
      case 4:
        set(holder, this.of(KEYS), structuredClone(this.of(ODD)));
        break;
      default:
        set(holder, key, structuredClone(this.of(ODD)));
    }
    return body;
  }
}

/** Also for `__proto__`, which an assignment would take for something else. */
function set(holder: object, key: string | number, value: unknown): void {
  if (Array.isArray(holder) && typeof key === 'string') return;
  Object.defineProperty(holder, key, { value, writable: true, enumerable: true, configurable: true });
}

function nested(value: unknown, depth: number): unknown {
  let out = value;
  for (let level = 0; level < depth; level += 1)
    out = level % 2 === 0 ? [out] : { type: 'object', properties: { a: out } };
  return out;
}

function placesOf(value: unknown, out: Place[] = []): Place[] {
  if (typeof value !== 'object' || value === null) return out;
  const keys: (string | number)[] = Array.isArray(value) ? [...value.keys()] : Object.keys(value);
  for (const key of keys) {
    const place = { holder: value, key };
    out.push(place);
    placesOf(valueAt(place), out);
  }
  return out;
}

function valueAt({ holder, key }: Place): unknown {
  return Object.getOwnPropertyDescriptor(holder, key)?.value;
}
