/** Models of the hub, fetched into the cache that engines read, from a loopback stand-in. */
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hubCacheDir } from '../../src/model/hub-cache.js';
import { parseListing } from '../../src/model/hub-listing.js';
import { fetchSnapshot, type SnapshotOptions } from '../../src/model/hub-snapshot.js';
import { type Behaviour, type Hub, sendFile, startHub } from './support/hub.js';

const COMMIT = 'c0ffee0123456789c0ffee0123456789c0ffee01';
const FILES: Record<string, Buffer> = {
  'config.json': Buffer.from('{"model_type": "tiny"}'),
  'model-00001-of-00002.safetensors': Buffer.alloc(300_000, 1),
  'model-00002-of-00002.safetensors': Buffer.alloc(200_000, 2),
  'tokenizer/merges.txt': Buffer.from('a b\n'),
  'pytorch_model.bin': Buffer.alloc(10, 3),
  'README.md': Buffer.from('# Tiny'),
};
const LOADED = Object.keys(FILES).filter((name) => !/\.(?:bin|md)$/.test(name));

const sum = (kind: string, content: Buffer, head = '') =>
  createHash(kind).update(head).update(content).digest('hex');

function listing(): string {
  const siblings = Object.entries(FILES).map(([rfilename, content]) => ({
    rfilename,
    size: content.length,
    blobId: sum('sha1', content, `blob ${content.length}\0`),
    ...(rfilename.endsWith('.safetensors') ? { lfs: { sha256: sum('sha256', content) } } : {}),
  }));
  return JSON.stringify({ id: 'maker/tiny', sha: COMMIT, siblings });
}

let dir: string;
let hub: Hub;
let serve: (name: string, ...args: Parameters<Behaviour>) => void;
let list: Behaviour;

beforeEach(async () => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'dyn-hub-'));
  serve = (name, ...args) => sendFile(FILES[name]!)(...args);
  list = (_request, response) => void response.end(listing());
  hub = await startHub((request, response, count) => {
    const name = /^\/maker\/tiny\/resolve\/[^/]+\/(.+)$/.exec(request.url ?? '')?.[1];
    if (name === undefined) list(request, response, count);
    else serve(decodeURIComponent(name), request, response, count);
  });
});
afterEach(async () => {
  await hub.close();
  rmSync(dir, { recursive: true, force: true });
});

const fetchTiny = (more: Partial<SnapshotOptions> = {}, env: Record<string, string> = {}) =>
  fetchSnapshot({
    ...{ id: 'maker/tiny', revision: 'main', clock: () => 0 },
    ...more,
    env: { HF_ENDPOINT: hub.url, HF_HOME: dir, ...env },
  });

const cacheOf = (...parts: string[]) => path.join(dir, 'hub', 'models--maker--tiny', ...parts);
const resolved = () => hub.requests.filter(({ path: at }) => at.includes('/resolve/'));

describe('a model of the hub', () => {
  it('comes file by file, at the commit, into the cache as huggingface_hub lays it out', async () => {
    const told: string[] = [];
    const done = await fetchTiny({
      report: (file, at, of, { phase }) => told.push(`${phase} ${file} ${at}/${of}`),
    });
    expect(done).toMatchObject({ commit: COMMIT, fetched: LOADED.length });
    for (const name of LOADED) {
      const file = cacheOf('snapshots', COMMIT, name);
      expect(readFileSync(file).equals(FILES[name]!)).toBe(true);
      expect(path.dirname(realpathSync(file))).toBe(realpathSync(cacheOf('blobs')));
    }
    expect(readFileSync(cacheOf('refs', 'main'), 'utf8')).toBe(COMMIT);
    // Neither the same weights in another form, nor what only people read.
    expect(existsSync(cacheOf('snapshots', COMMIT, 'pytorch_model.bin'))).toBe(false);
    expect(resolved().every(({ path: at }) => at.includes(`/resolve/${COMMIT}/`))).toBe(true);
    expect(told).toContain('checking model-00002-of-00002.safetensors 3/4');
  });

  it('that is there already is not fetched again, not even by another revision of the same files', async () => {
    await fetchTiny();
    const before = resolved().length;
    expect(await fetchTiny({ revision: COMMIT })).toMatchObject({ fetched: 0, bytes: 0 });
    expect(resolved()).toHaveLength(before);
    expect(existsSync(cacheOf('refs', COMMIT))).toBe(false);
  });

  it('goes on where a connection was cut', async () => {
    const cut = new Set<string>();
    serve = (name, ...args) => {
      const isFirst = name.endsWith('.safetensors') && !cut.has(name);
      cut.add(name);
      sendFile(FILES[name]!, isFirst ? { cutAfter: 65_536 } : {})(...args);
    };
    await fetchTiny();
    // How much arrived before the cut is the network's choice.
    expect(resolved()).toHaveLength(LOADED.length + 2);
    expect(resolved().some(({ range }) => /^bytes=[1-9]\d*-$/.test(range ?? ''))).toBe(true);
  });

  it('whose content is not what the hub said is refused and not kept', async () => {
    const spoilt = 'model-00001-of-00002.safetensors';
    serve = (name, ...args) =>
      sendFile(name === spoilt ? Buffer.alloc(FILES[name]!.length, 9) : FILES[name]!)(...args);
    await expect(fetchTiny()).rejects.toMatchObject({
      code: 'hub_model',
      message: expect.stringContaining(`${spoilt}: what it sent has the SHA-256`),
    });
    expect(existsSync(cacheOf('refs', 'main'))).toBe(false);
    // What was right is kept: the next try fetches the rest.
    serve = (name, ...args) => sendFile(FILES[name]!)(...args);
    expect((await fetchTiny()).fetched).toBeLessThan(LOADED.length);
    serve = (name, ...args) =>
      sendFile(name === 'config.json' ? Buffer.from('{"model_type": "evil"}') : FILES[name]!)(...args);
    rmSync(cacheOf('blobs'), { recursive: true });
    await expect(fetchTiny()).rejects.toThrow(/config\.json: what it sent has the sum/);
  });

  it.each([
    [
      403,
      '{"error": "Access to model maker/tiny is restricted. You must accept"}',
      /behind a licence.*HF_TOKEN/,
      /Accept its licence/,
    ],
    [401, '{"error": "Invalid credentials"}', /answered 401/, /HF_TOKEN/],
    [404, '{"error": "Revision Not Found"}', /no such model or revision/, /revision/],
    [500, 'oops', /answered 500/, /Try again/],
    [200, '<html>a proxy</html>', /no list of files/, /HF_ENDPOINT/],
  ])('that answers %i is told with what to do', async (status, body, message, remedy) => {
    list = (_request, response) => void response.writeHead(status).end(body);
    const error = await fetchTiny().catch((thrown) => thrown);
    expect(error).toMatchObject({ code: 'hub_model' });
    expect(error.message).toMatch(message);
    expect(error.remedy).toMatch(remedy);
  });

  it('is asked for with the user’s token, which is shown to nobody else', async () => {
    await fetchTiny({}, { HF_TOKEN: 'hf_secret' });
    expect(new Set(hub.requests.map(({ authorization }) => authorization))).toEqual(
      new Set(['Bearer hf_secret']),
    );
  });

  it('that has no room is refused before a byte is fetched', async () => {
    const huge = JSON.parse(listing());
    huge.siblings[1].size = 2 ** 50;
    list = (_request, response) => void response.end(JSON.stringify(huge));
    await expect(fetchTiny()).rejects.toMatchObject({ code: 'disk_full' });
    expect(resolved()).toEqual([]);
  });

  it('offline is what the cache has', async () => {
    const offline = { HF_HUB_OFFLINE: '1' };
    expect(await fetchTiny({}, offline)).toEqual({ commit: null, fetched: 0, bytes: 0 });
    await fetchTiny();
    const asked = hub.requests.length;
    expect((await fetchTiny({}, offline)).commit).toBe(COMMIT);
    expect((await fetchTiny({ revision: COMMIT }, offline)).commit).toBe(COMMIT);
    expect(hub.requests).toHaveLength(asked);
  });

  it('out of reach is what the cache has; one that was never fetched is an error', async () => {
    const elsewhere = { HF_ENDPOINT: 'http://127.0.0.1:9' };
    await expect(fetchTiny({}, elsewhere)).rejects.toMatchObject({
      code: 'hub_model',
      message: expect.stringContaining('cannot be reached'),
    });
    await fetchTiny();
    expect(await fetchTiny({}, elsewhere)).toEqual({ commit: COMMIT, fetched: 0, bytes: 0 });
  });

  it('is let go by Ctrl-C, and what came is kept', async () => {
    const abort = new AbortController();
    serve = (name, request, response, count) => {
      if (name.includes('00002')) abort.abort(new Error('stopped'));
      else sendFile(FILES[name]!)(request, response, count);
    };
    await expect(fetchTiny({ signal: abort.signal })).rejects.toThrow();
    expect(readdirSync(cacheOf('blobs')).length).toBeGreaterThan(0);
    expect(readdirSync(cacheOf()).filter((name) => name.endsWith('.lock'))).toEqual([]);
  });
});

describe('a listing', () => {
  it('names no file outside the model, whatever it says', () => {
    const named = (rfilename: string) =>
      parseListing(
        JSON.stringify({ sha: COMMIT, siblings: [{ rfilename, size: 1, blobId: 'a'.repeat(40) }] }),
      )?.files;
    for (const name of ['../x.json', 'a/../../x.json', '/etc/x.json', 'a//b.json', '', 'a\\..\\b.json'])
      expect(named(name)).toEqual([]);
    expect(named('sub/x.json')).toHaveLength(1);
  });

  it('of any text is one or none', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        expect(parseListing(text)).toBeNull();
      }),
    );
  });

  it('without safetensors keeps the weights it has', () => {
    const siblings = ['pytorch_model.bin', 'model.onnx', 'x.json'].map((rfilename) => ({
      ...{ rfilename, size: 1, blobId: 'a'.repeat(40) },
    }));
    const found = parseListing(JSON.stringify({ sha: COMMIT, siblings }))!.files;
    expect(found.map(({ name }) => name)).toEqual(['pytorch_model.bin', 'x.json']);
  });
});

it('the cache lies where huggingface_hub has it', () => {
  expect(hubCacheDir({ HF_HUB_CACHE: '/c' })).toBe('/c');
  expect(hubCacheDir({ HF_HOME: '/h' })).toBe('/h/hub');
  expect(hubCacheDir({ XDG_CACHE_HOME: '/x' })).toBe('/x/huggingface/hub');
  expect(hubCacheDir({})).toBe(path.join(os.homedir(), '.cache/huggingface/hub'));
});
