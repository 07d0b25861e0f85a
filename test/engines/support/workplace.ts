/** A fake user's home, a running stack before a scripted engine, and the agents started against it. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import type { SessionInfo } from '../../../src/request/types.js';
import type { Snapshot } from '../../../src/telemetry/types.js';
import { type Agent, installAgent } from './agents.js';
import type { Engine, Served } from './engine.js';
import { type StrayProxy, startStrayProxy } from './stray-proxy.js';
import { fillHome } from './user-home.js';

const bin = path.resolve(import.meta.dirname, '../../../bin/run.js');
export const KEY = 'sk-stack-0123456789';

export interface Workplace {
  dir: string;
  home: string;
  url: string;
  /** The web proxy in the environment of all programs. */
  proxy: StrayProxy;
  /** A new empty project folder. */
  project(): string;
  /** `dynamo ARGS…`. */
  dynamo(args: readonly string[], options?: { cwd?: string; env?: Record<string, string> }): Promise<Ran>;
  /** `dynamo launch NAME -- ARGS…` in `cwd`. */
  launch(agent: Agent, args: readonly string[], cwd: string, own?: readonly string[]): Promise<Ran>;
  snapshot(): Promise<Snapshot>;
  /** The stack's own routes. */
  get(route: string): Promise<unknown>;
  log(): string;
  close(): Promise<void>;
}

export interface Ran {
  code: number | undefined;
  stdout: string;
  stderr: string;
}

/** Starts `dynamo up --attach ENGINE --detach`. */
export async function openWorkplace(engine: Engine, ...up: string[]): Promise<Workplace> {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'dyw-'));
  const home = path.join(dir, 'home');
  for (const folder of [home, path.join(dir, 'tmp')]) mkdirSync(folder);
  fillHome(home);
  const proxy = await startStrayProxy();
  const environment = {
    HOME: home,
    // The agents leave folders of their own there.
    TMPDIR: path.join(dir, 'tmp'),
    DYNAMO_HOME: path.join(dir, 'run'),
    DYNAMO_API_KEY: KEY,
    // Must stay here: the stack is none of OpenAI's or Anthropic's.
    OPENAI_API_KEY: 'sk-other',
    ANTHROPIC_API_KEY: 'sk-other',
    PATH: process.env['PATH'] ?? '',
    HTTP_PROXY: proxy.url,
    HTTPS_PROXY: proxy.url,
  };
  const dynamo: Workplace['dynamo'] = async (args, { cwd = dir, env = {} } = {}) => {
    const ran = await execa(process.execPath, [bin, ...args], {
      cwd,
      reject: false,
      extendEnv: false,
      timeout: 180_000,
      stdin: 'ignore',
      env: { ...environment, ...env },
    });
    return { code: ran.exitCode, stdout: ran.stdout, stderr: ran.stderr };
  };
  const attach = ['up', '--no-tui', '--detach', '--port', '0', '--attach', engine.url, ...up];
  const started = await dynamo(attach);
  const url = /^ready (http:\S+) /m.exec(started.stdout)?.[1];
  if (url === undefined) {
    proxy.close();
    rmSync(dir, { recursive: true, force: true });
    throw new Error(`dynamo up ended with ${started.code}:\n${started.stdout}${started.stderr}`);
  }
  return {
    dir,
    home,
    url,
    proxy,
    dynamo,
    project: () => mkdtempSync(path.join(dir, 'project-')),
    launch: async (agent, args, cwd, own = []) => {
      const folder = await installAgent(agent);
      const env = { PATH: `${folder}${path.delimiter}${environment.PATH}` };
      return dynamo(['launch', agent.name, ...own, '--', ...args], { cwd, env });
    },
    snapshot: async () => JSON.parse((await dynamo(['status', '--json'])).stdout) as Snapshot,
    get: async (route) =>
      (await fetch(`${url}${route}`, { headers: { authorization: `Bearer ${KEY}` } })).json(),
    log: () => readFileSync(path.join(dir, 'run', 'state', 'default', 'stack.log'), 'utf8'),
    close: async () => {
      await dynamo(['down', '--now']);
      proxy.close();
      rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** What the stack tells of a request the engine served. */
export interface Explained {
  predictedTokens: number;
  request: { session: SessionInfo | null; hints: { priority: number } };
}

export async function explain(place: Workplace, served: Served): Promise<Explained> {
  return (await place.get(`/dynamo/v1/requests/${String(served.body['request_id'])}`)) as Explained;
}
