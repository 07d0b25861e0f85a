/**
 * Goal: what another version of dynamo wrote is recognised, kept, and told of; it is never misread and never lost. Method:
 * every kind of file that outlives a stack, as an older or newer version might have left it.
 */
import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DirectoryPlace } from '../../src/cache/directory-place.js';
import { decodeHead, encodeHead } from '../../src/cache/page-format.js';
import { foreignFolders } from '../../src/cache/page-version.js';
import { resolvePaths } from '../../src/cli/paths.js';
import { readSettings } from '../../src/cli/settings.js';
import { DurableResponses } from '../../src/gateway/durable-responses.js';
import { ResponseStore } from '../../src/gateway/response-store.js';
import { readWorkload } from '../../src/replay/read.js';
import { reapLeftoverWorkers } from '../../src/stack/leftovers.js';
import { keepTimes, lastTimes } from '../../src/stack/start-times.js';
import { lockHolder, readState, takeName, writeState } from '../../src/stack/state-file.js';
import { processFacts } from '../../src/supervisor/process-facts.js';
import { NAMESPACE, page } from '../cache/pages.js';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'dynamo-versions-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const write = (name: string, value: unknown): string => {
  const file = path.join(dir, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, typeof value === 'string' ? value : JSON.stringify(value));
  return file;
};

describe('stack.json', () => {
  const told = (): string[] => {
    const lines: string[] = [];
    reapLeftoverWorkers(dir, (text) => lines.push(text));
    return lines;
  };

  it.each([
    ['a newer version', { version: 2, name: 'n', processes: { w0: 4711 } }, 'stack.json.v2'],
    ['an older version', { version: 0, workers: [{ pid: process.pid }] }, 'stack.json.v0'],
    ['no version', { name: 'n' }, 'stack.json.unreadable'],
    ['this version and another shape', { version: 1, pid: 1, workers: { w0: 1 } }, 'stack.json.unreadable'],
    [
      'this version with a worker that is none',
      { version: 1, pid: 1, workers: [null] },
      'stack.json.unreadable',
    ],
    ['a cut file', '{"version": 1, "wor', 'stack.json.unreadable'],
    ['something else', '[]', 'stack.json.unreadable'],
  ])('of %s is set aside and told of', (_name, content, aside) => {
    const file = write('stack.json', content);
    const before = readFileSync(file, 'utf8');
    expect(readState(dir)).toBeNull();
    expect(told().join()).toContain(`set aside as ${aside}`);
    expect(readFileSync(path.join(dir, aside), 'utf8')).toBe(before);
    writeState(dir, { name: 'n', url: 'u', recipe: 'r', workers: [] });
    expect(readState(dir)).toMatchObject({ name: 'n' });
    expect(told()).toEqual([]);
  });
});

describe('the lock of a stack', () => {
  it.runIf(process.platform === 'linux')('of a newer version with more in it still holds the name', () => {
    const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60000)']);
    try {
      const startTime = processFacts(child.pid as number)?.startTime;
      write('lock', { version: 9, pid: child.pid, startTime, url: 'http://h:1', extra: { host: 'x' } });
      expect(lockHolder(dir)).toEqual({ pid: child.pid, url: 'http://h:1' });
      expect(() => takeName(dir, 'default', 'http://h:2')).toThrow(/already running at http:\/\/h:1/);
    } finally {
      child.kill('SIGKILL');
    }
  });
});

describe('settings', () => {
  const settings = (value: unknown) => {
    write('config/settings.json', value);
    return readSettings(resolvePaths({ DYNAMO_HOME: dir }));
  };

  it('with the version of this dynamo, or none, are read', () => {
    expect(settings({ port: 8123 })).toEqual({ port: 8123 });
    expect(settings({ version: 1, recipe: 'glm5' })).toEqual({ recipe: 'glm5' });
  });

  it('of a newer version, with a key nobody reads or a value of the wrong kind, are refused and stay as they are', () => {
    expect(() => settings({ version: 2, port: 1 })).toThrow(/is of version 2; this dynamo knows version 1/);
    expect(() => settings({ prot: 8123 })).toThrow(/has a key `prot`/);
    expect(() => settings({ port: 'x' })).toThrow(/settings\.json cannot be used/);
    expect(() => settings('{"port": 81')).toThrow(/settings\.json cannot be used/);
    expect(readFileSync(path.join(dir, 'config/settings.json'), 'utf8')).toBe('{"port": 81');
  });
});

describe('a recording', () => {
  it('of another version is refused by its name, alone and among others', async () => {
    const options = { blockTokens: 64, traceBlockTokens: null, staggerMs: 0, maxDelayMs: 0 };
    const newer = write(
      'b.jsonl',
      '{"schema":"dynamo.recording.v2","blockTokens":64}\n{"session":"s","sentMs":0}\n',
    );
    const ours = write(
      'a.jsonl',
      '{"schema":"dynamo.recording.v1","model":"m","blockTokens":64,"startedAt":0}\n',
    );
    for (const files of [[newer], [ours, newer]])
      await expect(readWorkload(files, options)).rejects.toMatchObject({
        code: 'trace_invalid',
        message: expect.stringContaining('`dynamo.recording.v2`; this version reads `dynamo.recording.v1`'),
      });
  });
});

describe('a folder of pages', () => {
  const open = () => new DirectoryPlace({ tier: 'disk', dir, namespace: NAMESPACE, isDurable: false });
  const collected = async (place: DirectoryPlace): Promise<bigint[]> => {
    const keys: bigint[] = [];
    for await (const { key } of place.scan()) keys.push(key);
    return keys;
  };

  it('says its version; one without is of the first and goes on being read', async () => {
    await open().write(page(1));
    const mark = path.join(dir, NAMESPACE, 'VERSION');
    expect(readFileSync(mark, 'utf8')).toBe('1\n');
    rmSync(mark);
    expect(await collected(open())).toEqual([1n]);
    expect(existsSync(mark)).toBe(true);
    expect(foreignFolders(dir)).toEqual([]);
  });

  it('of another version is not opened, and is found by whoever has to tell of it', async () => {
    await open().write(page(1));
    write(`${NAMESPACE}/VERSION`, '2\n');
    expect(open).toThrow(/holds pages of version 2, this dynamo knows 1/);
    write('fedcba9876543210fedcba9876543210/VERSION', 'x');
    expect(foreignFolders(dir).map((folder) => path.basename(folder))).toEqual([
      NAMESPACE,
      'fedcba9876543210fedcba9876543210',
    ]);
  });

  it('with a page in another form has a miss there, never a wrong answer', async () => {
    const head = encodeHead(page(7), NAMESPACE);
    expect(decodeHead(head, NAMESPACE)?.key).toBe(7n);
    const newer = Buffer.from(head);
    newer.write('DYNPAGE2', 0, 'latin1');
    expect(decodeHead(newer, NAMESPACE)).toBeNull();
    const place = open();
    await place.write(page(7));
    const file = path.join(dir, NAMESPACE, '00', '0000000000000007.page');
    writeFileSync(file, Buffer.concat([newer, readFileSync(file).subarray(head.length)]));
    expect(await collected(place)).toEqual([]);
    expect(await place.read(7n, [new Uint8Array(256)])).toBe('corrupt');
  });
});

describe('a kept response', () => {
  it('of another version is set aside, told of and not lost', () => {
    const id = `resp_${'a'.repeat(32)}`;
    const file = write(`responses/${id}.json`, { version: 2, owner: '', turns: [] });
    const warnings: string[] = [];
    const store = new DurableResponses(path.dirname(file), {
      memory: new ResponseStore(),
      warn: (_code, message) => warnings.push(message),
    });
    expect(store.get(id)).toBeUndefined();
    expect(warnings.join()).toContain('it is of version 2, not 1; set aside as');
    expect(readdirSync(path.dirname(file))).toEqual([`${id}.json.v2`]);
  });
});

it('how long starts took, told by another version, is not known: a guess that is forgotten costs nothing', () => {
  write('start-times.json', { version: 2, starts: { k: { totalMs: '1 s', workers: null } } });
  expect(lastTimes(dir, 'k')).toBeNull();
  keepTimes(dir, 'k', { totalMs: 5, workers: {} });
  expect(lastTimes(dir, 'k')).toEqual({ totalMs: 5, workers: {} });
});
