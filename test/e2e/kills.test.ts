/**
 * Processes of a stack are killed with -9 at random, under traffic of every dialect: workers, engine cores, the stack
 * itself. Whatever is killed, clients are told in their own words, what had not begun is answered elsewhere, the next
 * request is answered, and nothing is left: no process, port, socket, scratch folder or shared memory.
 *
 * `DYNAMO_TEST_KILLS=50` kills that often, `DYNAMO_TEST_SEED` chooses other victims.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { LIMITS } from '../../src/limits.js';
import { seededRandom } from '../../src/replay/random.js';
import { memoryFolder } from '../../src/stack/tier-places.js';
import { freePort } from '../../src/supervisor/ports.js';
import { allPids, environmentOf, processFacts } from '../../src/supervisor/process-facts.js';
import type { Snapshot } from '../../src/telemetry/types.js';
import { type Home, isRunning, makeHome, type RunningStack, root, until } from './harness.js';
import { startTraffic, type Told, tell } from './kill-traffic.js';

const KILLS = Number(process.env['DYNAMO_TEST_KILLS'] ?? 6);
const SEED = Number(process.env['DYNAMO_TEST_SEED'] ?? 7);
/** For what must happen, on a machine that may be very busy. */
const PATIENCE_MS = 60_000;

type Victim = 'worker' | 'core' | 'stack';

interface Kill {
  victim: Victim;
  worker: string;
  at: number;
  /** From the kill to the answer to the next request. */
  answeredMs: number;
  /** Everything served again. */
  wholeAt: number;
}

let home: Home;
let shared: string;
let stack: RunningStack | undefined;

afterEach(async () => {
  // A test that failed on its way leaves its stack.
  if (stack !== undefined && stack.process.exitCode === null) await stack.down();
  home.remove();
  rmSync(shared, { recursive: true, force: true });
});

describe.runIf(process.platform === 'linux')('processes killed at random under traffic', () => {
  it('are vLLM’s: clients are told, others answer, nothing is left', {
    timeout: 60_000 + KILLS * 8_000,
  }, async () => {
    const told = await killed({
      args: ['--recipe', 'gpt-oss-20b'],
      model: 'gpt-oss-20b',
      victims: ['worker', 'worker', 'core', 'core', 'stack'],
      kills: KILLS,
      clients: 4,
      tokens: 200,
    });
    expect(told.length).toBeGreaterThan(KILLS * 3);
  });

  it('are the embedded engine’s, with a tier in memory', { timeout: 180_000 }, async () => {
    const told = await killed({
      // A fresh home would convert the model first, which takes longer than all the rest.
      args: ['--tiers', 'cpu=32MiB', '--set', 'requantize=none'],
      model: 'smollm2',
      victims: ['worker', 'stack'],
      kills: Math.ceil(KILLS / 3),
      clients: 2,
      tokens: 30,
    });
    expect(told.length).toBeGreaterThan(5);
  });
});

interface Wish {
  args: string[];
  model: string;
  victims: Victim[];
  kills: number;
  clients: number;
  tokens: number;
}

async function killed({ args, model, victims, kills, clients, tokens }: Wish): Promise<Told[]> {
  shared = mkdtempSync('/dev/shm/dyn-kills-');
  home = makeHome();
  home.env['PATH'] = `${path.join(root, 'test/fixtures/gpu-box')}${path.delimiter}${process.env['PATH']}`;
  home.env['DYNAMO_TEST_SHARED'] = shared;
  if (model === 'smollm2') home.env['PATH'] = process.env['PATH'];
  // Apart, so that the victims do not depend on how fast requests are answered.
  const [random, chance] = [seededRandom(SEED), seededRandom(SEED + 1)];
  const port = await freePort('127.0.0.1');
  const up = () => home.up(...args, '--port', String(port));
  stack = await up();
  const traffic = startTraffic(stack.url, { clients, model, tokens, random: chance });
  const seen = new Set<number>();
  const ports = new Set([port]);
  const done: Kill[] = [];
  for (let turn = 0; turn < kills; turn += 1) {
    await sleep(200 + random() * 400);
    const victim = await victimOf(stack, victims, random);
    for (const pid of victim.family) seen.add(pid);
    for (const each of victim.ports) ports.add(each);
    await until(() => traffic.isStreaming(victim.worker), 'a stream to interrupt', PATIENCE_MS);
    const at = performance.now();
    process.kill(victim.pid, 'SIGKILL');
    if (victim.kind === 'stack') {
      await until(() => victim.family.every((pid) => !isRunning(pid)), 'the family of a killed stack to end');
      await until(() => stack.process.exitCode !== null, '`dynamo up` to notice');
      expect(stack.process.exitCode).toBe(1);
      stack = await up();
    }
    const next = await tell(stack.url, { dialect: 'chat', isStream: false, text: 'Next.', tokens: 2, model });
    expect(next.ending, `the request after the death of ${victim.kind} ${victim.worker}: ${next.tail}`).toBe(
      'whole',
    );
    const answeredMs = performance.now() - at;
    await serves(stack, victim);
    done.push({ victim: victim.kind, worker: victim.worker, at, answeredMs, wholeAt: performance.now() });
  }
  const told = await traffic.stop();
  const last = await snapshotOf(stack);
  for (const pid of familyOf(last)) seen.add(pid);
  for (const { url } of last.workers) ports.add(Number(new URL(url).port));
  expect(problems(told, done)).toEqual([]);
  if (KILLS > 20) console.log(figures(told, done));
  const deaths = done.filter(({ victim }) => victim !== 'stack');
  expect(interrupted(told, deaths).length).toBeGreaterThanOrEqual(deaths.length);
  await stack.down();
  await nothingIsLeft(seen, ports);
  return told;
}

interface Chosen {
  kind: Victim;
  worker: string;
  pid: number;
  /** What must be gone afterwards. */
  family: number[];
  ports: number[];
}

/** A worker that has had its restarts is left alone: one more death and it would be given up, as it should. */
async function victimOf(stack: RunningStack, victims: Victim[], random: () => number): Promise<Chosen> {
  const now = await snapshotOf(stack);
  const spare = now.workers.filter(({ restarts, pid }) => restarts < LIMITS.restartsMax && pid !== null);
  const wanted = victims[Math.floor(random() * victims.length)]!;
  const worker = spare[Math.floor(random() * spare.length)];
  if (wanted === 'stack' || worker === undefined) {
    const ports = now.workers.map(({ url }) => Number(new URL(url).port));
    return { kind: 'stack', worker: '', pid: now.stack.pid, family: familyOf(now), ports };
  }
  const family = groupOf(worker.pid!);
  const core = family.find((pid) => /engine-core/.test(processFacts(pid)?.commandLine ?? ''));
  const pid = wanted === 'core' ? (core ?? worker.pid!) : worker.pid!;
  return { kind: wanted, worker: worker.id, pid, family, ports: [] };
}

const groupOf = (leader: number): number[] => allPids().filter((pid) => processFacts(pid)?.group === leader);

/** As `status --json` has it, at a hundredth of the cost. */
const snapshotOf = async ({ url }: RunningStack): Promise<Snapshot> =>
  (await (await fetch(`${url}/dynamo/v1/snapshot`)).json()) as Snapshot;

const familyOf = ({ stack, workers }: Snapshot): number[] => [
  stack.pid,
  ...workers.flatMap(({ pid }) => (pid === null ? [] : groupOf(pid))),
];

/** Every worker is there again, and of the dead one's processes none. */
async function serves(stack: RunningStack, { worker, family }: Chosen): Promise<void> {
  await until(() => family.every((pid) => !isRunning(pid)), `what belonged to ${worker} to end`, PATIENCE_MS);
  const isWhole = async () => {
    const now = await snapshotOf(stack);
    return now.stack.state === 'ready' && now.workers.every(({ pid }) => !family.includes(pid ?? -1));
  };
  await until(isWhole, `${worker || 'the stack'} to serve again`, PATIENCE_MS);
}

/** What no client should have been told. */
function problems(told: Told[], kills: Kill[]): string[] {
  const outages = kills.filter(({ victim }) => victim === 'stack');
  const wasOut = ({ startedAt, endedAt }: Told) =>
    outages.some(({ at, wholeAt }) => startedAt < wholeAt && endedAt > at - 50);
  return told.flatMap((one) => {
    const { dialect, isStream, ending, hadBegun, worker, tail } = one;
    const what = `${dialect} ${isStream ? 'stream' : 'answer'} of ${worker || 'nobody'}`;
    // A dead stack tells nobody anything.
    if (ending === 'whole' || wasOut(one)) return [];
    if (ending === 'cut') return [`${what} was cut without a word: ${tail}`];
    if (ending === 'refused') return [`${what} was refused while another worker was there: ${tail}`];
    return hadBegun ? [] : [`${what} had not begun and was not answered elsewhere: ${tail}`];
  });
}

function figures(told: Told[], kills: Kill[]): string {
  const count = (ending: string) => told.filter((one) => one.ending === ending).length;
  const answered = (isStack: boolean) =>
    kills.filter(({ victim }) => (victim === 'stack') === isStack).map(({ answeredMs }) => answeredMs);
  const slowest = (isStack: boolean) => Math.round(Math.max(0, ...answered(isStack)));
  return [
    `${kills.length} kills, ${told.length} requests: ${count('whole')} whole, ${count('told')} ended with an error event,`,
    `${count('refused') + count('cut')} lost with the stack; ${interrupted(told, kills).length} streams interrupted;`,
    `next request answered within ${slowest(false)} ms of a worker's death, ${slowest(true)} ms of the stack's (with \`up\`)`,
  ].join(' ');
}

/** Streams that ran on a worker when that was killed. */
const interrupted = (told: Told[], kills: Kill[]): Told[] =>
  told.filter(({ isStream, startedAt, endedAt, ...one }) =>
    kills.some(({ worker, at }) => isStream && one.worker === worker && startedAt < at && endedAt >= at),
  );

async function nothingIsLeft(seen: ReadonlySet<number>, ports: ReadonlySet<number>): Promise<void> {
  const groups = new Set([...seen].map(String));
  const own = (pid: number) => environmentOf(pid, 'DYNAMO_HOME') === home.dir || isWatchOf(pid, groups);
  await until(() => !allPids().some(own), 'every process of the stack to end');
  for (const port of ports) expect(await isOpen(port), `port ${port} is still open`).toBe(false);
  expect(readdirSync(path.join(home.dir, 'run', 'default'))).toEqual([]);
  await until(() => readdirSync(shared).length === 0, 'shared files to be removed');
  const paths = { config: '', data: '', state: '', runtime: path.join(home.dir, 'run') };
  const tag = path.basename(memoryFolder(paths, 'default'));
  for (const dir of ['/dev/shm', os.tmpdir()])
    expect(readdirSync(dir).filter((name) => name.startsWith(tag))).toEqual([]);
}

/** The shell that waits for the end of a worker's owner. */
function isWatchOf(pid: number, groups: ReadonlySet<string>): boolean {
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    return words[0] === '/bin/sh' && words[2]?.includes('resource_tracker') === true && groups.has(words[3]!);
  } catch {
    return false;
  }
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
