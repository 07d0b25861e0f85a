/** JSON schema validation of the keywords the grammar promises to hold; everything else passes. */

type Schema = boolean | Record<string, unknown>;

/** Problems of the value, empty when it is valid. */
export function problems(root: Schema, value: unknown): string[] {
  return new Validator(root).check(root, value, '');
}

class Validator {
  /** References being followed for a value: one that leads back to itself says nothing. */
  readonly #followed = new Map<unknown, Set<unknown>>();

  constructor(private readonly root: Schema) {}

  check(schema: Schema, value: unknown, at: string): string[] {
    if (typeof schema === 'boolean') return schema ? [] : [`${at}: nothing is valid`];
    if (schema['nullable'] === true && value === null) return [];
    return [
      ...this.#combined(schema, value, at),
      ...this.#plain(schema, value, at),
      ...(typeof value === 'string' ? bounded(schema, 'Length', [...value].length, at) : []),
      ...(Array.isArray(value) ? this.#array(schema, value, at) : []),
      ...(isRecord(value) ? this.#object(schema, value, at) : []),
    ];
  }

  #combined(schema: Record<string, unknown>, value: unknown, at: string): string[] {
    const ref = schema['$ref'];
    const target = typeof ref === 'string' ? this.#follow(this.#resolve(ref), value, at) : [];
    const all = ((schema['allOf'] ?? []) as Schema[]).flatMap((part) => this.check(part, value, at));
    const any = (schema['anyOf'] ?? schema['oneOf']) as Schema[] | undefined;
    const fits = any === undefined || any.some((option) => this.check(option, value, at).length === 0);
    return [...target, ...all, ...(fits ? [] : [`${at}: no option fits ${JSON.stringify(value)}`])];
  }

  #follow(target: Schema, value: unknown, at: string): string[] {
    const followed = this.#followed.get(target) ?? new Set();
    this.#followed.set(target, followed);
    const key = typeof value === 'object' ? value : at;
    if (followed.has(key)) return [];
    followed.add(key);
    const found = this.check(target, value, at);
    followed.delete(key);
    return found;
  }

  #plain(schema: Record<string, unknown>, value: unknown, at: string): string[] {
    const text = JSON.stringify(value);
    const found: string[] = [];
    if ('const' in schema && JSON.stringify(schema['const']) !== text) found.push(`${at}: not the constant`);
    const values = schema['enum'] as unknown[] | undefined;
    if (values !== undefined && !values.some((entry) => JSON.stringify(entry) === text))
      found.push(`${at}: ${text} is not listed`);
    const types = schema['type'] === undefined ? [] : [schema['type']].flat();
    if (types.length > 0 && !types.some((type) => isOf(type, value)))
      found.push(`${at}: ${text} is no ${types.join(' or ')}`);
    return found;
  }

  #array(schema: Record<string, unknown>, value: unknown[], at: string): string[] {
    const prefix = (schema['prefixItems'] ?? []) as Schema[];
    const items = (schema['items'] ?? true) as Schema;
    const each = value.flatMap((entry, index) => this.check(prefix[index] ?? items, entry, `${at}/${index}`));
    return [...bounded(schema, 'Items', value.length, at), ...each];
  }

  #object(schema: Record<string, unknown>, value: Record<string, unknown>, at: string): string[] {
    const properties = (schema['properties'] ?? {}) as Record<string, Schema>;
    const extra = (schema['additionalProperties'] ?? true) as Schema;
    const missing = ((schema['required'] ?? []) as string[])
      .filter((name) => !Object.hasOwn(value, name))
      .map((name) => `${at}: ${name} is missing`);
    const each = Object.entries(value).flatMap(([name, entry]) =>
      this.check(
        Object.hasOwn(properties, name) ? (properties[name] as Schema) : extra,
        entry,
        `${at}/${name}`,
      ),
    );
    return [...missing, ...each];
  }

  #resolve(path: string): Schema {
    const steps = path.split('/').slice(1);
    return steps.reduce<unknown>(
      (node, step) => (node as Record<string, unknown>)[step],
      this.root,
    ) as Schema;
  }
}

function bounded(schema: Record<string, unknown>, what: string, length: number, at: string): string[] {
  const min = (schema[`min${what}`] ?? 0) as number;
  const max = (schema[`max${what}`] ?? Infinity) as number;
  return length >= min && length <= max ? [] : [`${at}: ${what} ${length} is not within ${min} and ${max}`];
}

function isOf(type: unknown, value: unknown): boolean {
  if (type === 'null') return value === null;
  if (type === 'array') return Array.isArray(value);
  if (type === 'object') return isRecord(value);
  if (type === 'integer') return Number.isInteger(value);
  return typeof value === type;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
