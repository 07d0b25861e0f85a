/** A real browser without a window: Chromium's headless shell, from Debian's package where it is not here yet. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import WebSocket from 'ws';
import { until } from '../../e2e/harness.js';

const PROGRAM = '/usr/bin/chromium-headless-shell';

/** Null where it is here or can be installed; else why not. */
export const notHere: string | null =
  existsSync(PROGRAM) || (existsSync('/usr/bin/apt-get') && process.getuid?.() === 0)
    ? null
    : 'Chromium is installed as a Debian package, which wants apt-get and root';

export interface Page {
  /** Result of an expression in the page. */
  evaluate<T>(expression: string): Promise<T>;
  /** Addresses that were asked for, the page itself among them. */
  requested(): string[];
  /** What the page complained of: errors, violations of its policy. */
  complaints(): string[];
  emulate(features: { name: string; value: string }[]): Promise<void>;
  resize(width: number, height: number): Promise<void>;
  /** PNG of the whole page, or its first `height` pixels. */
  picture(height?: number): Promise<Buffer>;
  close(): Promise<void>;
}

export async function installBrowser(): Promise<void> {
  if (existsSync(PROGRAM)) return;
  const install = () =>
    execa('apt-get', ['install', '-y', '-q', '--no-install-recommends', 'chromium-headless-shell'], {
      env: { DEBIAN_FRONTEND: 'noninteractive' },
      reject: false,
      all: true,
    });
  // A fresh machine has no package lists yet.
  if ((await install()).exitCode === 0) return;
  await execa('apt-get', ['update'], { reject: false });
  const again = await install();
  if (again.exitCode !== 0) throw new Error(`Chromium could not be installed: ${again.all}`);
}

interface Message {
  id?: number;
  method?: string;
  params?: Record<string, unknown>;
  result?: Record<string, unknown>;
  error?: { message: string };
}

export async function openPage(address: string, { width = 1_100, height = 900 } = {}): Promise<Page> {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'dyn-browser-'));
  const flags = ['--no-sandbox', '--hide-scrollbars', '--remote-debugging-port=0', `--user-data-dir=${dir}`];
  const child = spawn(PROGRAM, [...flags, 'about:blank'], {
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  });
  const socket = new WebSocket(await targetOf(child));
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  const waiting = new Map<number, (message: Message) => void>();
  const seen: Message[] = [];
  socket.on('message', (data) => {
    const message = JSON.parse(String(data)) as Message;
    if (message.id === undefined) seen.push(message);
    else waiting.get(message.id)?.(message);
  });
  let count = 0;
  const call = (method: string, params: object = {}) =>
    new Promise<Record<string, unknown>>((resolve, reject) => {
      count += 1;
      waiting.set(count, ({ error, result }) =>
        error ? reject(new Error(error.message)) : resolve(result ?? {}),
      );
      socket.send(JSON.stringify({ id: count, method, params }));
    });
  const size = (w: number, h: number) =>
    call('Emulation.setDeviceMetricsOverride', { width: w, height: h, deviceScaleFactor: 1, mobile: false });
  for (const domain of ['Page', 'Network', 'Log', 'Runtime']) await call(`${domain}.enable`);
  await size(width, height);
  await call('Page.navigate', { url: address });
  await until(() => seen.some(({ method }) => method === 'Page.loadEventFired'), `${address} to load`);
  const evaluate = async <T>(expression: string): Promise<T> => {
    const { result } = (await call('Runtime.evaluate', { expression, returnByValue: true })) as {
      result: { value: T };
    };
    return result.value;
  };
  return {
    evaluate,
    requested: () =>
      seen
        .filter(({ method }) => method === 'Network.requestWillBeSent')
        .map(({ params }) => (params as { request: { url: string } }).request.url),
    complaints: () =>
      seen
        .filter(({ method }) => method === 'Log.entryAdded' || method === 'Runtime.exceptionThrown')
        .map(({ params }) => JSON.stringify(params)),
    emulate: async (features) => {
      await call('Emulation.setEmulatedMedia', { features });
    },
    resize: async (w, h) => {
      await size(w, h);
    },
    picture: async (tall) => {
      const whole = await evaluate<number>('document.documentElement.scrollHeight');
      const clip = {
        x: 0,
        y: 0,
        width: await evaluate<number>('innerWidth'),
        height: tall ?? whole,
        scale: 1,
      };
      const { data } = await call('Page.captureScreenshot', { clip, captureBeyondViewport: true });
      return Buffer.from(data as string, 'base64');
    },
    close: async () => {
      // The program is a script that starts the browser: the group has them all.
      await call('Browser.close').catch(() => {});
      process.kill(-child.pid!, 'SIGTERM');
      await until(() => child.exitCode !== null || child.signalCode !== null, 'the browser to end');
      socket.close();
      rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** The debugger's address of the one page, from the line the browser says at its start. */
async function targetOf(child: ChildProcess): Promise<string> {
  let text = '';
  child.stderr?.on('data', (chunk: Buffer) => (text += chunk));
  await until(() => /DevTools listening on ws:\S+/.test(text), 'the browser to start');
  const { host } = new URL(/DevTools listening on (ws:\S+)/.exec(text)![1]!);
  const targets = (await (await fetch(`http://${host}/json`)).json()) as {
    type: string;
    webSocketDebuggerUrl: string;
  }[];
  return targets.find(({ type }) => type === 'page')!.webSocketDebuggerUrl;
}
