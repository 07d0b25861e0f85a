/**
 * The file of `--api-keys`: a YAML list, each entry a key or a key with what its holder may do. Only its owner may read
 * it; keys are hashed as they are read, and no message repeats a value of the file.
 */
import { readFileSync, statSync } from 'node:fs';
import { parseDocument } from 'yaml';
import { z } from 'zod';
import { DynamoError } from '../errors.js';
import { type KeyPolicy, plainKey } from '../gateway/key-policy.js';
import { LIMITS } from '../limits.js';
import { retentionChanges, retentionForm } from '../recipes/retention-form.js';

const KEY_CHARS_MIN = 8;
const INT32_MAX = 2 ** 31 - 1;
const INT32_MIN = -(2 ** 31);
const UINT32_MAX = 2 ** 32 - 1;

const key = z.string().min(KEY_CHARS_MIN).max(1_024);
const entry = z
  .strictObject({
    name: z
      .string()
      .regex(/^[\w.@ -]{1,64}$/, 'must be up to 64 letters, digits, spaces or `._@-`')
      .optional(),
    key: key.optional(),
    sha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/i, 'must be 64 hex digits')
      .optional(),
    priority_max: z.int().min(INT32_MIN).max(INT32_MAX).optional(),
    strict_priority_max: z.int().min(0).max(UINT32_MAX).optional(),
    ignore_priority: z.boolean().default(false),
    cache: z.enum(['shared', 'own']).default('shared'),
    cache_share: z.number().min(0).max(1).optional(),
    retention: retentionForm.optional(),
    requests_max: z.int().min(1).max(LIMITS.requestsMax).optional(),
  })
  .refine((one) => (one.key === undefined) !== (one.sha256 === undefined), 'needs either `key` or `sha256`');
const file = z
  .array(z.union([key, entry]))
  .min(1)
  .max(LIMITS.keysMax);

/** Keys of the command line or the environment, hashed. Throws `usage` for an empty one, which would guard nothing. */
export function policiesOfKeys(keys: readonly string[]): KeyPolicy[] {
  return keys.map((text, at) => {
    if (text.trim() !== '') return plainKey(`--api-key ${at + 1}`, text);
    throw new DynamoError('usage', {
      detail: 'An API key is empty, so it would let anyone in.',
      remedy: 'Give --api-key or DYNAMO_API_KEY a value, or leave them out.',
    });
  });
}

/** Throws `usage` with the file and the entry at fault. */
export function readKeyFile(path: string): KeyPolicy[] {
  const refuse = (detail: string, remedy = 'See `dynamo up --help` and docs/keys.md.') =>
    new DynamoError('usage', { detail: `The key file ${path} ${detail}`, remedy });
  const text = textOf(path, refuse);
  const document = parseDocument(text, { prettyErrors: false, logLevel: 'silent' });
  const broken = document.errors[0];
  if (broken !== undefined) {
    const line = text.slice(0, broken.pos[0]).split('\n').length;
    throw refuse(`is no YAML: line ${line} cannot be read.`);
  }
  const parsed = file.safeParse(plainValue(document, refuse));
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    const inner = issue.code === 'invalid_union' ? (issue.errors.at(-1)?.[0] ?? issue) : issue;
    const at = [...issue.path, ...(inner === issue ? [] : inner.path)].join('.');
    throw refuse(`is wrong at \`${at === '' ? 'its top' : at}\`: ${inner.message}.`);
  }
  const policies = parsed.data.map((one, index) => policyOf(one, index));
  const twice = (field: 'name' | 'sha256') =>
    policies.findIndex((one, at) => policies.findIndex((other) => other[field] === one[field]) !== at);
  if (twice('name') >= 0) throw refuse(`has the name of entry ${twice('name')} twice.`);
  if (twice('sha256') >= 0) throw refuse(`has the key of entry ${twice('sha256')} twice.`);
  return policies;
}

type Entry = z.infer<typeof file>[number];

function policyOf(one: Entry, index: number): KeyPolicy {
  if (typeof one === 'string') return plainKey(`key ${index + 1}`, one);
  const base = plainKey(one.name ?? `key ${index + 1}`, one.key ?? '');
  const isHeldDown = one.ignore_priority || one.priority_max !== undefined;
  return {
    ...base,
    sha256: one.sha256?.toLowerCase() ?? base.sha256,
    ignorePriority: one.ignore_priority,
    priorityMax: one.priority_max ?? null,
    strictPriorityMax: one.strict_priority_max ?? (isHeldDown ? 0 : null),
    ownCache: one.cache === 'own',
    requestsMax: one.requests_max ?? null,
    cacheShare: one.cache_share ?? null,
    retention: one.retention === undefined ? null : retentionChanges(one.retention),
  };
}

function textOf(path: string, refuse: (detail: string, remedy?: string) => DynamoError): string {
  try {
    const { mode, size } = statSync(path);
    if ((mode & 0o077) !== 0) throw refuse('can be read by others.', `Run \`chmod 600 ${path}\`.`);
    if (size > LIMITS.keyFileBytes) throw refuse(`is larger than ${LIMITS.keyFileBytes} bytes.`);
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof DynamoError) throw error;
    throw refuse(`cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'unknown'}.`);
  }
}

/** Aliases are of no use here, and nested ones can name more memory than there is. */
function plainValue(
  document: ReturnType<typeof parseDocument>,
  refuse: (detail: string) => DynamoError,
): unknown {
  try {
    return document.toJS({ maxAliasCount: 0 });
  } catch {
    throw refuse('uses YAML aliases; write every entry out.');
  }
}
