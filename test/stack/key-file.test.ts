/** Key files: what they may say, who may read them, and that no message repeats a key. */
import { createHash } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { policiesOfKeys, readKeyFile } from '../../src/stack/key-file.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'dynamo-keys-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function file(text: string, mode = 0o600): string {
  const name = path.join(folder, 'keys.yaml');
  writeFileSync(name, text);
  chmodSync(name, mode);
  return name;
}
const SECRET = 'sk-very-secret-value';
const hash = (key: string) => createHash('sha256').update(key).digest('hex');

describe('a key of the command line', () => {
  it('is hashed before anything else happens, and an empty one is refused', () => {
    const [policy] = policiesOfKeys([SECRET]);
    expect(policy).toMatchObject({ name: '--api-key 1', sha256: hash(SECRET) });
    expect(JSON.stringify(policy)).not.toContain('secret');
    // It would count as a key where the stack may listen, and guard nothing.
    for (const empty of ['', '  ']) expect(() => policiesOfKeys(['right', empty])).toThrow(/empty/);
  });
});

describe('a key file', () => {
  it('lists keys, and keys with their bounds; only hashes are kept', () => {
    const policies = readKeyFile(
      file(`
- ${SECRET}
- name: ci
  sha256: ${hash('another-key')}
  ignore_priority: true
  cache: own
  requests_max: 2
  cache_share: 0.25
  retention: { conversation: { priority: 40, seconds: 600 } }
- { name: guests, key: guest-key-1, priority_max: -5 }
- { name: team, key: team-key-1, priority_max: 10, strict_priority_max: 3 }
`),
    );
    expect(policies.map(({ name, sha256 }) => [name, sha256])).toEqual([
      ['key 1', hash(SECRET)],
      ['ci', hash('another-key')],
      ['guests', hash('guest-key-1')],
      ['team', hash('team-key-1')],
    ]);
    expect(policies[1]).toMatchObject({
      ignorePriority: true,
      ownCache: true,
      requestsMax: 2,
      cacheShare: 0.25,
      retention: { conversation: { priority: 40, durationMs: 600_000 } },
    });
    // Whoever is held down in priority is not let past by the queue's tier.
    expect(policies.map(({ priorityMax, strictPriorityMax }) => [priorityMax, strictPriorityMax])).toEqual([
      [null, null],
      [null, 0],
      [-5, 0],
      [10, 3],
    ]);
    expect(JSON.stringify(policies)).not.toMatch(/secret|guest-key|team-key/);
  });

  it.each([
    ['that others can read', `- ${SECRET}`, /chmod 600|read by others/, 0o640],
    ['that is no list', `key: ${SECRET}`, /its top/],
    ['that is empty', '', /its top/],
    ['with both key and hash', `- { key: ${SECRET}, sha256: "${hash('x')}" }`, /`0`.*either/],
    ['with neither', '- { name: x }', /`0`.*either/],
    ['with a field nobody knows', `- { key: ${SECRET}, priority: 1 }`, /`0`.*priority/],
    ['with a priority out of range', `- { key: ${SECRET}, priority_max: 99999999999 }`, /priority_max/],
    ['with a key that is too short', '- abc', /`0`/],
    ['with a key twice', `- ${SECRET}\n- ${SECRET}`, /key of entry 1 twice/],
    [
      'with a name twice',
      '- { name: a, key: key-number-1 }\n- { name: a, key: key-number-2 }',
      /name of entry 1/,
    ],
    ['that is no YAML', `- {key: ${SECRET}`, /line 1/],
    ['with an alias', `- &a ${SECRET}\n- *a`, /aliases/],
    ['with an alias of nothing', `- *${SECRET}`, /line 1|aliases/],
  ] as const)('%s is refused, and no key is told', (_name, text, expected, mode = 0o600) => {
    const name = file(text, mode);
    let message = '';
    try {
      readKeyFile(name);
    } catch (error) {
      const { message: said, remedy } = error as { message: string; remedy: string };
      message = `${said} ${remedy}`;
    }
    expect(message).toMatch(expected);
    expect(message).toContain(name);
    expect(message).not.toContain(SECRET);
  });

  it('that is not there is refused', () => {
    expect(() => readKeyFile(path.join(folder, 'none'))).toThrow(/ENOENT/);
  });
});
