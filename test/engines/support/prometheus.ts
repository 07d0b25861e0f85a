/** A real Prometheus for tests: Debian's package, fetched by apt and unpacked beside nothing else; nothing is installed. */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { parse, stringify } from 'yaml';
import { until } from '../../e2e/harness.js';

/** Null where it can be had; else why not. */
export const notHere: string | null = existsSync('/usr/bin/apt-get')
  ? null
  : 'Prometheus is fetched as a Debian package, and there is no apt-get';

export interface Prometheus {
  /** Values of an instant query by label set; empty where it has no answer. */
  query(expression: string): Promise<{ metric: Record<string, string>; value: number }[]>;
  /** How the scrape of the stack goes. */
  health(): Promise<{ health: string; lastError: string }>;
  /** What `promtool check metrics` says to this text; empty when nothing. */
  lint(text: string): Promise<string>;
  close(): Promise<void>;
}

/** Started with the project's own scrape file, its target and its interval alone changed. */
export async function startPrometheus(scrapeFile: string, target: string): Promise<Prometheus> {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'dyn-prometheus-'));
  const programs = await fetchPackage(dir);
  const config = path.join(dir, 'prometheus.yml');
  writeFileSync(config, pointedAt(scrapeFile, target));
  const port = await freePort();
  const child = spawn(
    path.join(programs, 'prometheus'),
    [
      `--config.file=${config}`,
      `--storage.tsdb.path=${path.join(dir, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=error',
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  const base = `http://127.0.0.1:${port}`;
  const get = async (route: string) => (await (await fetch(`${base}/api/v1/${route}`)).json()) as Answer;
  await until(async () => (await fetch(`${base}/-/ready`).catch(() => null))?.ok === true, 'Prometheus');
  return {
    query: async (expression) => {
      const { status, error, data } = await get(`query?query=${encodeURIComponent(expression)}`);
      if (status !== 'success') throw new Error(`${expression}: ${error}`);
      const result = data.result ?? [];
      return result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
    },
    health: async () => {
      const { data } = await get('targets');
      return data.activeTargets?.[0] ?? { health: 'unknown', lastError: '' };
    },
    lint: async (text) => {
      const ran = await execa(path.join(programs, 'promtool'), ['check', 'metrics'], {
        input: text,
        reject: false,
        all: true,
      });
      return ran.all;
    },
    close: async () => {
      child.kill('SIGTERM');
      await until(() => child.exitCode !== null || child.signalCode !== null, 'Prometheus to end');
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

interface Answer {
  status: string;
  error?: string;
  data: {
    result?: { metric: Record<string, string>; value: [number, string] }[];
    activeTargets?: { health: string; lastError: string }[];
  };
}

async function fetchPackage(dir: string): Promise<string> {
  const cwd = path.join(dir, 'package');
  mkdirSync(cwd);
  const download = () => execa('apt-get', ['download', 'prometheus'], { cwd, reject: false, all: true });
  // A fresh machine has no package lists yet.
  if ((await download()).exitCode !== 0) {
    await execa('apt-get', ['update'], { reject: false });
    const again = await download();
    if (again.exitCode !== 0) throw new Error(`Prometheus could not be fetched: ${again.all}`);
  }
  const file = readdirSync(cwd).find((name) => name.endsWith('.deb'))!;
  await execa('dpkg-deb', ['-x', file, 'root'], { cwd });
  return path.join(cwd, 'root', 'usr', 'bin');
}

function pointedAt(scrapeFile: string, target: string): string {
  const config = parse(scrapeFile) as { scrape_configs: { static_configs: object[] }[] } & object;
  config.scrape_configs[0]!.static_configs = [{ targets: [target] }];
  return stringify({ ...config, global: { scrape_interval: '1s', scrape_timeout: '1s' } });
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as net.AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
