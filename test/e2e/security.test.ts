/**
 * Goal: a stack with keys keeps them, its prompts and its sockets to itself. Method: one real stack with every kind of
 * state turned on is used, misused and killed at; then all that it wrote, told and opened is looked through.
 */
import { mkdirSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Snapshot } from '../../src/telemetry/types.js';
import { type Home, makeHome, type RunningStack, until } from './harness.js';

const OWNER = 'canary-key-of-the-owner-4711';
const ALICE = 'canary-key-of-alice-4712';
const BOB = 'canary-key-of-bob-4713';
const WRONG = 'canary-key-of-nobody-4714';
const PROMPT = 'canary-prompt-4715';
const CANARY = /canary-key-[\w-]+/;

let home: Home;
let stack: RunningStack;
let records: string;

beforeAll(async () => {
  home = makeHome();
  records = path.join(home.dir, 'records');
  const keys = path.join(home.dir, 'keys.yaml');
  writeFileSync(
    keys,
    `- { name: alice, key: ${ALICE}, cache: own }\n- { name: bob, key: ${BOB}, cache: own }\n`,
    {
      mode: 0o600,
    },
  );
  home.env['DYNAMO_API_KEY'] = OWNER;
  home.env['CANARY_SECRET'] = WRONG;
  stack = await home.up(
    ...['--workers', '1', '--set', 'slots=2', '--api-keys', keys, '--record', records],
    ...['--tiers', 'cpu=64MiB,disk=64MiB', '--set', 'responses.store=disk'],
  );
});

afterAll(async () => {
  await stack?.down();
  home?.remove();
});

const ask = (route: string, body: object, key: string) =>
  fetch(stack.url + route, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: JSON.stringify({ model: 'smollm2', ...body }),
  });

const SYSTEM = `You answer briefly. ${'Nothing in particular is asked of you here, and all of it in many words. '.repeat(11)}`;

/** Prompt tokens read from any cache, as the engine tells. */
async function cachedFor(key: string, salt?: string): Promise<number> {
  const messages = [
    { role: 'system', content: SYSTEM },
    { role: 'user', content: PROMPT },
  ];
  const answer = await ask(
    '/v1/chat/completions',
    { messages, max_tokens: 2, ...(salt === undefined ? {} : { cache_salt: salt }) },
    key,
  );
  expect(answer.status).toBe(200);
  const { usage } = (await answer.json()) as { usage: { prompt_tokens_details: { cached_tokens: number } } };
  return usage.prompt_tokens_details.cached_tokens;
}

const snapshot = async (): Promise<Snapshot> =>
  JSON.parse((await home.cli('status', '--json')).stdout) as Snapshot;

describe('two keys with caches of their own', () => {
  it('never read what the other has computed, in memory or in any tier', async () => {
    expect(await cachedFor(ALICE)).toBe(0);
    expect(await cachedFor(ALICE)).toBeGreaterThan(100);
    expect(await cachedFor(BOB)).toBe(0);
    // A salt of the client's own choice leads nowhere else.
    expect(await cachedFor(BOB, ALICE)).toBe(0);
    // Gone from the worker's memory, it comes back from the tiers: to whom it belongs.
    await until(
      async () => (await snapshot()).tiers.some(({ name, blocks }) => name === 'disk' && blocks > 0),
      'pages on disk',
    );
    expect(await home.cli('restart', 'w0')).toMatchObject({ code: 0 });
    expect(await cachedFor(OWNER)).toBe(0);
    expect(await cachedFor(ALICE)).toBeGreaterThan(100);
  }, 60_000);
});

describe('a worker of a stack with keys', () => {
  it('cannot be asked past the gateway, with a key of the gateway or without', async () => {
    const { url } = (await snapshot()).workers[0] as { url: string };
    for (const headers of [{}, { authorization: `Bearer ${OWNER}` }, { authorization: 'Bearer ' }] as Record<
      string,
      string
    >[]) {
      for (const route of ['/v1/models', '/metrics', '/version', '/kv_event_sources', '/nothing'])
        expect((await fetch(url + route, { headers })).status, route).toBe(401);
      const body = JSON.stringify({ model: 'smollm2', messages: [{ role: 'user', content: 'hi' }] });
      expect((await fetch(`${url}/v1/chat/completions`, { method: 'POST', body, headers })).status).toBe(401);
    }
    expect((await fetch(`${url}/health`)).status).toBe(200);
  });
});

describe('keys and prompts', () => {
  beforeAll(async () => {
    const user = [{ role: 'user', content: PROMPT }];
    for (const key of [ALICE, WRONG]) {
      await ask('/v1/messages', { max_tokens: 2, messages: user }, key);
      await ask('/v1/responses', { max_output_tokens: 2, input: PROMPT }, key);
      await ask('/v1/completions', { max_tokens: 2, prompt: PROMPT }, key);
      await ask('/v1/chat/completions', { messages: PROMPT }, key);
      await ask('/v1/chat/completions', { model: key, messages: user }, key);
      await fetch(`${stack.url}/v1/${key}`, { headers: { 'x-api-key': key } });
    }
  });

  it('are in nothing that the stack tells', async () => {
    const told = [
      ...(await Promise.all(
        [['status', '--json'], ['top', '--once'], ['logs'], ['logs', 'w0']].map((words) =>
          home.cli(...words),
        ),
      )),
    ].map(({ stdout, stderr }) => stdout + stderr);
    const read = async (route: string) =>
      (await fetch(stack.url + route, { headers: { 'x-api-key': OWNER } })).text();
    told.push(
      await read('/metrics'),
      await read('/dynamo/v1/snapshot'),
      await read('/dynamo/v1/cache'),
      stack.output(),
    );
    for (const { id } of (await snapshot()).recent ?? []) told.push(await read(`/dynamo/v1/requests/${id}`));
    for (const text of told) {
      expect(CANARY.exec(text)).toBeNull();
      expect(text).not.toContain(PROMPT);
    }
  });

  it('are in no file but kept responses, which only their owner can read', async () => {
    const files = listFiles(home.dir).filter((file) => !file.endsWith('keys.yaml'));
    expect(files.some((file) => file.startsWith(records))).toBe(true);
    for (const file of files) {
      const text = readFileSync(file, 'latin1');
      expect(CANARY.exec(text), file).toBeNull();
      if (!file.includes(`${path.sep}responses${path.sep}`)) expect(text.includes(PROMPT), file).toBe(false);
    }
  });

  it.runIf(process.platform === 'linux')(
    'are in no command line and no environment of a process that stays',
    async () => {
      for (const pid of await stack.pids()) {
        const facts =
          readFileSync(`/proc/${pid}/cmdline`, 'latin1') + readFileSync(`/proc/${pid}/environ`, 'latin1');
        const isStack = pid === (await snapshot()).stack.pid;
        // Workers get a list of what may pass; the stack has the user's environment, without its own keys.
        expect(CANARY.exec(isStack ? facts.replace(`CANARY_SECRET=${WRONG}`, '') : facts)).toBeNull();
      }
    },
  );
});

describe.runIf(process.platform === 'linux')('files and sockets', () => {
  it('are for their owner alone', () => {
    const open = ['state', 'run', 'data/kv', 'records'].flatMap((dir) =>
      listAll(path.join(home.dir, dir)).filter((file) => {
        const { mode } = statSync(file);
        return (mode & 0o077) !== 0 && !isInPrivateFolder(file);
      }),
    );
    expect(open).toEqual([]);
    expect(statSync(path.join(home.dir, 'run', 'default')).mode & 0o777).toBe(0o700);
    expect(statSync(path.join(home.dir, 'run', 'default', 'admin.sock')).mode & 0o777).toBe(0o600);
  });

  it('of events and administration lie in the private folder, and all else listens on loopback', async () => {
    const inodes = new Set((await stack.pids()).flatMap(socketInodes));
    const listening = listeners().filter(({ inode }) => inodes.has(inode));
    expect(listening.length).toBeGreaterThanOrEqual(2);
    expect(listening.filter(({ address }) => address !== '0100007F')).toEqual([]);
    const unix = unixSockets().filter(({ inode, file }) => inodes.has(inode) && file !== '');
    expect(unix.length).toBeGreaterThan(2);
    const run = path.join(home.dir, 'run', 'default');
    expect(unix.filter(({ file }) => path.dirname(file) !== run)).toEqual([]);
  });
});

function listAll(dir: string): string[] {
  mkdirSync(dir, { recursive: true });
  return [
    dir,
    ...readdirSync(dir, { recursive: true, encoding: 'utf8' }).map((name) => path.join(dir, name)),
  ];
}

function listFiles(dir: string): string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
}

/** Some folder above it, within the home, lets nobody else in. */
function isInPrivateFolder(file: string): boolean {
  for (let dir = path.dirname(file); dir.startsWith(home.dir) && dir !== home.dir; dir = path.dirname(dir))
    if ((statSync(dir).mode & 0o077) === 0) return true;
  return false;
}

function socketInodes(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? [];
    } catch {
      return [];
    }
  });
}

/** TCP sockets in the state LISTEN, addresses as the kernel writes them. */
function listeners(): { address: string; inode: string }[] {
  return ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((table) =>
    readFileSync(table, 'utf8')
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter((fields) => fields[3] === '0A')
      .map((fields) => ({ address: fields[1]?.split(':')[0] ?? '', inode: fields[9] ?? '' })),
  );
}

function unixSockets(): { file: string; inode: string }[] {
  return readFileSync('/proc/net/unix', 'utf8')
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .map((fields) => ({ inode: fields[6] ?? '', file: fields[7] ?? '' }));
}
