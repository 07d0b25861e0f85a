/**
 * The structure of the project as a failing test: which room may import which, which package has which door,
 * how large files and functions may grow, and that every error code is documented.
 */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

const root = path.resolve(import.meta.dirname, '..');

/** Files beside the rooms that every room may import. */
const OPEN = ['errors', 'limits', 'nearest', 'is-running'];

/** Room → rooms it may import. */
const MAY_IMPORT: Record<string, string[]> = {
  request: [],
  model: ['request'],
  recipes: ['model', 'plan'],
  plan: ['recipes', 'model', 'engines'],
  retention: ['request', 'prompt'],
  telemetry: ['request', 'router'],
  dialects: ['request'],
  agents: ['request'],
  prompt: ['request', 'model'],
  router: ['request', 'prompt'],
  link: ['engines', 'request', 'prompt', 'router', 'plan'],
  cache: ['retention', 'prompt', 'router'],
  engines: ['plan', 'request', 'cache', 'model', 'recipes'],
  supervisor: ['engines', 'plan'],
  gateway: ['dialects', 'request', 'agents', 'prompt', 'router', 'link', 'retention', 'telemetry'],
  replay: ['router', 'retention', 'engines', 'telemetry', 'prompt', 'request'],
  tui: ['telemetry'],
  report: ['telemetry', 'replay'],
  cli: ['telemetry'],
  doctor: ['plan', 'recipes', 'model', 'engines', 'supervisor', 'stack', 'cli', 'cache'],
  export: ['plan', 'engines'],
  bench: [
    'stack',
    'cli',
    'telemetry',
    'replay',
    'router',
    'prompt',
    'engines',
    'link',
    'request',
    'plan',
    'model',
    'dialects',
    'gateway',
  ],
};

/** Package → rooms (or `commands`, `bin`) it may be imported in. */
const DOORS: Record<string, string[]> = {
  '@oclif/core': ['commands', 'bin', 'cli'],
  ink: ['tui'],
  react: ['tui'],
  execa: ['supervisor', 'plan', 'model', 'engines'],
  undici: ['link', 'cli', 'cache', 'model', 'bench'],
  conf: ['cli'],
  koffi: ['engines'],
  zeromq: ['link', 'engines', 'bench'],
  '@msgpack/msgpack': ['link', 'engines', 'bench'],
  ws: ['gateway'],
  '@aws-sdk/client-s3': ['cache'],
  ioredis: ['cache'],
};

const FILE_LINES_MAX = 300;
const FUNCTION_LINES_MAX = 70;

interface Source {
  file: string;
  room: string;
  text: string;
}

const sources = [...read('src'), ...read('commands')];

describe('rooms', () => {
  it('import only what the table allows', () => {
    const wrong = sources.flatMap(({ file, room, text }) =>
      relativeImports(text)
        .map((target) => roomOf(path.relative(root, path.resolve(root, path.dirname(file), target))))
        .filter((to) => to !== room && !OPEN.includes(to) && !allowed(room).includes(to))
        .map((to) => `${file} imports ${to}`),
    );
    expect(wrong).toEqual([]);
  });

  it('use outside packages only through their doors', () => {
    const wrong = sources.flatMap(({ file, room, text }) =>
      packageImports(text)
        .filter((name) => DOORS[name] !== undefined && !DOORS[name].includes(room))
        .map((name) => `${file} imports ${name}`),
    );
    expect(wrong).toEqual([]);
  });

  it('load the screen only dynamically', () => {
    const wrong = sources
      .filter(({ room, text }) => room !== 'tui' && /^import (?!type).*\/tui\//m.test(text))
      .map(({ file }) => file);
    expect(wrong).toEqual([]);
  });

  it('end the process only in cli and in worker programs', () => {
    const wrong = sources
      .filter(
        ({ file, room, text }) => text.includes('process.exit(') && room !== 'cli' && !/main\.ts$/.test(file),
      )
      .map(({ file }) => file);
    expect(wrong).toEqual([]);
  });
});

describe('sizes', () => {
  it('no file is longer than its limit', () => {
    const long = sources
      .filter(({ text }) => text.split('\n').length > FILE_LINES_MAX + 1)
      .map(({ file }) => file);
    expect(long).toEqual([]);
  });

  it('no function is longer than its limit', () => {
    expect(sources.flatMap(({ file, text }) => longFunctions(text).map((at) => `${file}:${at}`))).toEqual([]);
  });
});

describe('documents', () => {
  it('list every error code, and no dead one', () => {
    const registry = readFileSync(path.join(root, 'src/errors.ts'), 'utf8');
    const codes = [...registry.matchAll(/^ {2}(\w+): entry\(/gm)].map((match) => match[1]);
    const page = readFileSync(path.join(root, 'docs/errors.md'), 'utf8');
    const listed = [...page.matchAll(/^\| `(\w+)` \|/gm)].map((match) => match[1]);
    expect(listed.sort()).toEqual(codes.sort());
  });

  it('name no path of a development machine and no registry host', () => {
    const lock = readFileSync(path.join(root, 'package-lock.json'), 'utf8');
    expect(lock).not.toContain('"resolved": "http');
    const wrong = sources.filter(({ text }) => /\/work\/(main|shared)/.test(text)).map(({ file }) => file);
    expect(wrong).toEqual([]);
  });
});

function allowed(room: string): string[] {
  if (room === 'stack') return Object.keys(MAY_IMPORT).filter((name) => name !== 'tui' && name !== 'doctor');
  if (room === 'commands')
    return [
      'cli',
      'stack',
      'plan',
      'recipes',
      'replay',
      'report',
      'model',
      'bench',
      'engines',
      'telemetry',
      'tui',
      'agents',
      'doctor',
      'export',
    ];
  // stack's types and entry are what cli-side code may launch; nothing else imports stack.
  return [...(MAY_IMPORT[room] ?? [])];
}

function read(dir: string): Source[] {
  return readdirSync(path.join(root, dir), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)))
    .filter((file) => !file.includes('/assembly/') && !file.endsWith('.generated.ts'))
    .map((file) => ({ file, room: roomOf(file), text: readFileSync(path.join(root, file), 'utf8') }));
}

function roomOf(file: string): string {
  const [top, room] = file.split(path.sep);
  return top === 'src' ? (room ?? '').replace(/\.(js|ts)$/, '') : (top ?? '');
}

function relativeImports(text: string): string[] {
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map((match) => match[1] ?? '');
}

function packageImports(text: string): string[] {
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'((?:@[\w-]+\/)?[\w-]+)[^']*'/g)].map(
    (match) => match[1] ?? '',
  );
}

/** Line numbers of functions over the limit: a declaration or method up to the closing brace of its indentation. */
function longFunctions(text: string): number[] {
  const lines = text.split('\n');
  return lines.flatMap((line, at) => {
    const head =
      /^(\s*)(?:export )?(?:default )?(?:async )?(?:function\b|(?:(?:private|public|protected|static|override) )*(?:async )?#?\w+\([^;]*\)[^;]*\{$)/.exec(
        line,
      );
    if (head === null || /^\s*(?:if|for|while|switch|return|else)\b/.test(line)) return [];
    const end = lines.findIndex(
      (other, index) => index > at && other.startsWith(`${head[1]}}`) && !other.startsWith(`${head[1]}})`),
    );
    return end - at > FUNCTION_LINES_MAX ? [at + 1] : [];
  });
}
