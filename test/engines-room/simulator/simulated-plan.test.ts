import { describe, expect, it } from 'vitest';
import { withOptionalValue } from '../../../src/cli/optional-value.js';
import { simulatorAdapter } from '../../../src/engines/simulator/adapter.js';
import {
  largestRecipe,
  requireSimulatable,
  simulatedPlan,
  verifiedHardware,
} from '../../../src/engines/simulator/simulated-plan.js';
import { simulatedWorkerOptions } from '../../../src/engines/simulator/worker-options.js';
import { describedHost } from '../../../src/plan/hardware.js';
import { makePlan, planOrThrow } from '../../../src/plan/plan.js';
import { readSettings } from '../../../src/plan/settings.js';
import type { HostSnapshot } from '../../../src/plan/types.js';
import { loadRecipe } from '../../../src/recipes/load.js';

const HERE: HostSnapshot = {
  ...{ platform: 'linux', arch: 'x64', cpus: 2, cpuModel: 'x', memoryBytes: 16e9, freeMemoryBytes: 12e9 },
  ...{ gpus: [], driver: null, nodeVersion: '20', diskFreeBytes: 1e12 },
};
const load = (name: string) => loadRecipe(name, { userDir: '/nonexistent' });

async function planned(name: string, hardware: string, set: Record<string, string> = {}) {
  const recipe = await load(name);
  const host = describedHost(hardware, HERE);
  const { settings } = readSettings(set);
  const plan = planOrThrow(
    makePlan(recipe, host, {
      settings,
      modelFile: (file) => ({ path: file, sha256: null }),
      commandOf: () => ({ file: 'vllm', args: [], env: {} }),
    }),
  );
  return { plan, simulated: simulatedPlan({ recipe, plan, host }, settings.simulator) };
}

describe('a simulated plan', () => {
  it('has the workers, GPUs, blocks and context of the real one', async () => {
    const { plan, simulated } = await planned('minimax-m2.5', '8xh200');
    const shape = ({ id, gpus, kvBlocks, blockTokens, contextTokens }: (typeof plan.workers)[0]) => ({
      ...{ id, gpus, kvBlocks, blockTokens, contextTokens },
    });
    expect(simulated.workers.map(shape)).toEqual(plan.workers.map(shape));
    expect(simulated.workers.map(({ gpus }) => gpus)).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
    ]);
    expect(simulated).toMatchObject({ engine: 'simulator', servedModel: plan.servedModel, tiers: [] });
    expect(simulated.reasons[0]).toMatch(/^SIMULATED: 2 processes, .* 4 × H200/);
  });

  it('is read back by the worker it starts', async () => {
    const { simulated } = await planned('glm5', '8xh200', {
      'simulator.speed': '10',
      'simulator.answer_tokens': '9',
    });
    const worker = {
      ...simulated.workers[0]!,
      port: 5_000,
      events: { events: 'ipc://a', replay: 'ipc://b', topic: 't' },
    };
    const { args } = simulatorAdapter.command(simulated, worker);
    const options = simulatedWorkerOptions(args.slice(args.findIndex((arg) => arg.endsWith('main.js')) + 1));
    expect(options).toMatchObject({
      ...{
        port: 5_000,
        contextTokens: 202_752,
        blocks: worker.kvBlocks,
        blockTokens: 64,
        speed: 10,
        answerTokens: 9,
      },
      ...{ facts: simulated.simulation?.facts, events: worker.events, hardware: '8 × H200' },
    });
    expect(options.names).toContain('glm-5.1');
  });

  it('knows the GPUs: eight read the weights and the replicated cache of GLM at eight bandwidths', async () => {
    const { simulated } = await planned('glm5', '8xh200');
    expect(simulated.simulation?.facts).toMatchObject({
      ...{ activeParameters: 40e9, weightBytes: 756e9, kvBytesPerToken: 8 * 100_152 },
      ...{ bytesPerSecond: 8 * 4.8e12, flopsPerSecond: 8 * 1.979e15 },
    });
  });

  it('of a recipe without GPUs is timed as a processor, with as many at once as it has slots', async () => {
    const { plan, simulated } = await planned('smollm2', 'none');
    expect(simulated.simulation).toMatchObject({ hardware: 'CPU', maxRunning: plan.workers[0]?.slots });
  });
});

describe('`--simulate` alone', () => {
  it('means the box a recipe is verified on, or as many as the workers need', async () => {
    expect(verifiedHardware(await load('glm5'), undefined)).toBe('8xh200');
    expect(verifiedHardware(await load('glm5'), 'nvfp4')).toBe('4xb200');
    expect(verifiedHardware(await load('glm5'), 'fp8', 3)).toBe('24xh200');
    expect(verifiedHardware(await load('minimax-m2.5'), undefined)).toBe('2xrtx-pro-6000');
    expect(verifiedHardware(await load('smollm2'), undefined)).toBe('none');
  });

  it('takes the largest recipe that fits where none is named', async () => {
    const recipes = await Promise.all(['smollm2', 'minimax-m2.5', 'glm5'].map(load));
    expect(largestRecipe(recipes, () => true)?.name).toBe('glm5');
    expect(largestRecipe(recipes, ({ name }) => name !== 'glm5')?.name).toBe('minimax-m2.5');
  });

  it('is told from one with a value', () => {
    const bare = (...argv: string[]) => withOptionalValue(argv, '--simulate', 'verified');
    expect(bare('--simulate')).toEqual(['--simulate=verified']);
    expect(bare('--simulate', '--detach')).toEqual(['--simulate=verified', '--detach']);
    expect(bare('--simulate', '8xh200')).toEqual(['--simulate', '8xh200']);
    expect(bare('--simulate=8xh200', '--port', '1')).toEqual(['--simulate=8xh200', '--port', '1']);
  });
});

describe('what makes no sense', () => {
  it.each(['0', '-1', 'fast', '', 'Infinity', '1e9'])('speed %j', (value) => {
    expect(() => readSettings({ 'simulator.speed': value })).toThrow(/simulator.speed/);
  });

  it('simulator settings of real workers, tiers of simulated ones', () => {
    const speed = readSettings({ 'simulator.kv_blocks': '10' }).settings.simulator;
    expect(() => requireSimulatable(false, { settings: speed, tiers: undefined })).toThrow(
      /simulator.kv_blocks/,
    );
    expect(() => requireSimulatable(true, { settings: speed, tiers: 'cpu=1GiB' })).toThrow(/--tiers/);
    expect(() => requireSimulatable(true, { settings: speed, tiers: 'none' })).not.toThrow();
    expect(() => requireSimulatable(false, { settings: {}, tiers: 'cpu=1GiB' })).not.toThrow();
  });

  it.each([
    [['--blocks', '0'], /--blocks/],
    [['--blocks', '5', '--facts', 'x=1'], /--facts/],
    [['--blocks', '5', '--events', 'ipc://x'], /go together/],
    [['--bolcks', '5'], /bolcks/],
  ])('a worker started with %j', (argv, message) => {
    expect(() => simulatedWorkerOptions(argv)).toThrow(message);
  });
});
