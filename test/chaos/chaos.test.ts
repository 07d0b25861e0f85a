/**
 * Real stacks under faults, asked by the official clients of every dialect. Goal: every request ends once, whole or with an
 * error of ours; what is whole is what it would have been; afterwards nothing is booked, believed or left that is not so.
 * Method: `DYNAMO_CHAOS_SEED` makes the choices (it is printed; timing is the machine's), `DYNAMO_CHAOS_MINUTES` the length.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Home, isRunning, makeHome, type RunningStack, root, until } from '../e2e/harness.js';
import { type Chance, chanceOf, MINUTES } from './support/chance.js';
import { EventProxy, eventFaults } from './support/event-proxy.js';
import { type Fault, inflict, workerFaults } from './support/faults.js';
import {
  becomesQuiet,
  childrenOf,
  descriptorsOf,
  indexIsTrue,
  isAllGone,
  leaksNoDescriptors,
  leavesNothing,
  StatusWatch,
  snapshotOf,
} from './support/invariants.js';
import { Load, type LoadOptions } from './support/load.js';
import { pageFaults, type SmallDisk, smallDisk } from './support/page-faults.js';

/** Shares of the whole time. */
const SHARE = { simulated: 0.3, embedded: 0.3, events: 0.2 };
const msOf = (share: number): number => MINUTES * 60_000 * share;

/** Three blocks and more: what is asked is cached, and what is cached is known. */
const PREAMBLE =
  'The harbour lies at the mouth of the river, and every ship that comes in is told of in the book. '.repeat(
    9,
  );

let home: Home;

beforeEach(() => {
  home = makeHome();
});

afterEach(async () => {
  // Where a part failed its stacks still run.
  for (const name of ['attached', 'engines', 'default']) await home.cli('down', '--now', '--name', name);
  home.remove();
});

interface Trial {
  stack: RunningStack;
  model: string;
  load: Omit<LoadOptions, 'url' | 'model'>;
  faults: Fault[];
  share: number;
  pauseMs: number;
  chance: Chance;
}

/** Peace, faults under load, quiet; then all that must hold but what comes after `down`. */
async function endures({ stack, model, load: wish, faults, share, pauseMs, chance }: Trial): Promise<void> {
  const load = new Load({ url: stack.url, model, ...wish }, chance);
  await load.calm();
  const { stack: facts } = await becomesQuiet(stack);
  const before = descriptorsOf(facts.pid);
  const watch = new StatusWatch(stack);
  load.start();
  const counts = await inflict(faults, chance, { ms: msOf(share), pauseMs });
  await load.stop();
  const quiet = await becomesQuiet(stack);
  watch.stop();
  const { wrongs, ...sums } = load.result;
  console.log('chaos:', JSON.stringify({ faults: counts, ...sums, continued: quiet.requests.continued }));
  expect(wrongs).toEqual([]);
  expect(watch.lies).toEqual([]);
  expect(sums.whole).toBeGreaterThan(0);
  // Errors are allowed for, but not as the rule.
  expect(sums.whole / (sums.whole + sums.errors)).toBeGreaterThan(0.9);
  await leaksNoDescriptors(facts.pid, before);
  const prompts = load.questions.slice(0, 4).map(({ prompt }) => prompt);
  // A gap at the very end shows with the next event: the first look makes one.
  await indexIsTrue(stack, model, prompts).catch(() => {});
  await sleep(500);
  await indexIsTrue(stack, model, prompts);
}

describe('workers killed, stopped and continued', () => {
  it('of simulated engines, with clients that vanish, cut their body and read slowly', async () => {
    const args = ['--recipe', 'glm5', '--simulate', '--workers', '3', '--set', 'simulator.speed=4'];
    const stack = await home.up(...args);
    await endures({
      stack,
      model: 'glm-5.1',
      load: { clients: 10, maxTokens: 40, preamble: PREAMBLE, questions: 24, calls: true },
      faults: workerFaults(stack),
      share: SHARE.simulated,
      pauseMs: 1_500,
      chance: chanceOf('simulated'),
    });
    await leavesNothing(home, stack);
  });

  it('of real engines whose disk is full and whose pages are damaged', async () => {
    const disk: SmallDisk = smallDisk(mkdtempSync(path.join(os.tmpdir(), 'dyn-chaos-disk-')), 24);
    try {
      const tiers = `cpu=64MiB,disk=20MiB:${disk.dir}`;
      const stack = await home.up('--workers', '2', '--set', 'slots=3', '--tiers', tiers);
      await endures({
        stack,
        model: 'smollm2',
        load: { clients: 3, maxTokens: 12, preamble: PREAMBLE, questions: 8, calls: true },
        faults: [...workerFaults(stack), ...pageFaults(disk)],
        share: SHARE.embedded,
        pauseMs: 2_500,
        chance: chanceOf('embedded'),
      });
      await leavesNothing(home, stack);
    } finally {
      disk.remove();
    }
  });
});

describe('KV events', () => {
  it('lost, held up, swapped, cut, repeated and flooded leave the index true', async () => {
    const engines = await home.up(
      '--name',
      'engines',
      '--recipe',
      'glm5',
      '--simulate',
      '--workers',
      '2',
      '--set',
      'simulator.speed=10',
    );
    const folder = mkdtempSync(path.join(os.tmpdir(), 'dyn-chaos-ev-'));
    const proxies: EventProxy[] = [];
    try {
      const { workers } = await snapshotOf(engines);
      const attach: string[] = [];
      for (const { url, id } of workers) {
        const sources = (await (await fetch(`${url}/kv_event_sources`)).json()) as Record<
          string,
          Record<string, string>
        >;
        const { endpoint = '', replay_endpoint: replay = '' } = sources['0'] ?? {};
        const to = `ipc://${path.join(folder, id)}`;
        proxies.push(await EventProxy.open(endpoint, to));
        attach.push('--attach', `${url},events=${to},replay=${replay}`);
      }
      const stack = await home.up('--name', 'attached', ...attach);
      await endures({
        stack,
        model: 'glm-5.1',
        load: { clients: 4, maxTokens: 20, preamble: PREAMBLE, questions: 60, calls: false },
        faults: eventFaults(proxies),
        share: SHARE.events,
        pauseMs: 400,
        chance: chanceOf('events'),
      });
      expect(proxies.reduce((sum, { harmed }) => sum + harmed, 0)).toBeGreaterThan(0);
      await leavesNothing(home, stack, 'attached');
    } finally {
      for (const proxy of proxies) proxy.close();
      rmSync(folder, { recursive: true, force: true });
      await engines.down();
    }
  });
});

describe('a stack that is told to end while it starts', () => {
  it('ends, at whatever moment, and leaves nothing', async () => {
    const chance = chanceOf('start');
    for (let round = 0; round < 5; round++) {
      const started = spawn(
        process.execPath,
        [
          path.join(root, 'bin', 'run.js'),
          'up',
          '--no-tui',
          '--port',
          '0',
          '--recipe',
          'glm5',
          '--simulate',
          '--workers',
          '2',
        ],
        { env: home.env, stdio: 'ignore' },
      );
      await sleep(chance.whole(50, 3_500));
      const pids = familyOf(started);
      started.kill('SIGTERM');
      await until(
        () => started.exitCode !== null || started.signalCode !== null,
        '`dynamo up` to end',
        30_000,
      );
      await isAllGone(home, pids);
      expect(pids.filter(isRunning)).toEqual([]);
    }
    // A stack of the same name starts as if nothing had been.
    const stack = await home.up('--recipe', 'glm5', '--simulate', '--workers', '2');
    await leavesNothing(home, stack);
  });
});

/** The process and all below it, as they are now. */
function familyOf({ pid }: ChildProcess): number[] {
  const family = pid === undefined ? [] : [pid];
  for (const parent of family) family.push(...childrenOf(parent));
  return family;
}
