/** One suite for every engine adapter: what the supervisor, the gateway and people rely on, whichever engine it is. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { capabilitiesOf } from '../../src/engines/capabilities.js';
import type { EngineAdapter } from '../../src/engines/types.js';
import { parseMetrics } from '../../src/link/metrics-scrape.js';
import type { Plan, WorkerPlan } from '../../src/plan/types.js';

export interface AdapterCase {
  adapter: EngineAdapter;
  plan: Plan;
  /** Words of the command line that stand for host, port, model name and context. */
  says: { host: string[]; port: string[]; served: string[]; context: string[] };
  /** Its start's lines with the steps they tell, in order; what has no step is left out. */
  start: { lines: string[]; steps: string[] };
  /** How it ends: the last lines, and the cause they mean. */
  ends: { lines: string[]; code?: number; signal?: string; cause: string; isRetryable: boolean }[];
  /** Its `/metrics` with three running, two waiting and a quarter of its cache used. */
  metrics: string;
}

export const HOST = '127.0.0.1';
export const PORT = 28_417;
const EVENTS = {
  events: 'ipc:///run/x/w0-events.sock',
  replay: 'ipc:///run/x/w0-replay.sock',
  topic: 'kv@w0',
};

/** Ends any engine knows whatever it says, or without a word. */
const COMMON_CAUSES = ['out_of_memory', 'port_in_use', 'unknown_flag'];

export function adapterSuite({ adapter, plan, says, start, ends, metrics }: AdapterCase): void {
  const capabilities = capabilitiesOf(adapter.name);
  const worker: WorkerPlan = { ...plan.workers[0]!, host: HOST, port: PORT, events: EVENTS };
  const words = (of: WorkerPlan = worker) => adapter.command(plan, of).args;

  describe('its command line', () => {
    it('says where to listen, what to serve and how long a context may be', () => {
      const line = words().join('\n');
      for (const pair of Object.values(says)) expect(line).toContain(pair.join('\n'));
    });

    it('has the sockets of its events, and of a printed plan ones that are to come', () => {
      expect(words().join(' ')).toContain(EVENTS.events);
      expect(words().join(' ')).toContain(EVENTS.replay);
      const planned = words({ ...worker, port: 0, events: null });
      expect(planned.join(' ')).not.toContain('undefined');
    });

    it('is the same each time, of plain words, without a flag twice', () => {
      expect(adapter.command(plan, worker)).toEqual(adapter.command(plan, worker));
      const { file, args, env } = adapter.command(plan, worker);
      for (const word of [file, ...args, ...Object.values(env)]) expect(typeof word).toBe('string');
      const flags = args.filter((word) => word.startsWith('--') && word !== '--served-name');
      expect(flags.length).toBe(new Set(flags).size);
    });

    it('gives each worker its own GPUs', () => {
      const { env } = adapter.command(plan, { ...worker, gpus: [3, 5] });
      if (env['CUDA_VISIBLE_DEVICES'] !== undefined) expect(env['CUDA_VISIBLE_DEVICES']).toBe('3,5');
      else expect(capabilities.oldest).toBeNull();
    });
  });

  describe('its start', () => {
    it('is told step by step from its own lines', () => {
      const told = start.lines.flatMap((line) => adapter.phaseOf(line) ?? []);
      expect(told.map(({ name }) => name).filter((name, at, all) => name !== all[at - 1])).toEqual(
        start.steps,
      );
      for (const { progress } of told)
        if (progress !== null) expect(progress >= 0 && progress <= 1).toBe(true);
    });

    it('is read from any line without failing', () => {
      fc.assert(
        fc.property(fc.string(), (line) => void adapter.phaseOf(line)),
        { numRuns: 300 },
      );
      expect(adapter.phaseOf('INFO: 127.0.0.1:5 - "POST /v1/chat/completions HTTP/1.1" 200 OK')).toBeNull();
    });

    it('is over when a path answers, within a time', () => {
      expect(adapter.healthPath).toMatch(/^\/\w/);
      expect(adapter.readyTimeoutMs).toBeGreaterThan(10_000);
    });
  });

  describe('its end', () => {
    it.each(ends)('by $cause is known from $lines.0 ($signal)', (end) => {
      const { lines, code = null, signal = null, cause, isRetryable } = end;
      const found = adapter.classify({ code: signal === null ? (code ?? 1) : null, signal }, lines);
      expect(found).toMatchObject({ code: cause, isRetryable });
      expect(found.message).toMatch(/^\w+ \w/);
      expect(found.remedy.length).toBeGreaterThan(10);
    });

    it('without memory, without its port and by a wrong flag are among them', () => {
      expect(ends.map(({ cause }) => cause)).toEqual(expect.arrayContaining(COMMON_CAUSES));
    });

    it('has a cause, a sentence and a remedy whatever it wrote', () => {
      const lines = fc.array(fc.string({ maxLength: 300 }), { maxLength: 40 });
      const exit = fc.record({
        code: fc.option(fc.integer({ min: 0, max: 255 })),
        signal: fc.option(fc.constantFrom('SIGKILL', 'SIGTERM', 'SIGSEGV', 'SIGABRT')),
      });
      fc.assert(
        fc.property(exit, lines, (ended, tail) => {
          const { code, message, remedy } = adapter.classify(ended, tail);
          expect(code).toMatch(/^[a-z_]+$/);
          expect(message.length).toBeGreaterThan(5);
          expect(message.length).toBeLessThan(2_000);
          expect(remedy.length).toBeGreaterThan(0);
        }),
        { numRuns: 200 },
      );
    });
  });

  describe('its requests and figures', () => {
    it('put the more important first, in its own numbers', () => {
      const sent = [-7, -1, 1, 7].map((priority) => adapter.enginePriority(priority)!);
      const order = [...sent].sort((a, b) => (capabilities.priorityFirst === 'lowest' ? b - a : a - b));
      expect(sent).toEqual(order);
      expect(new Set(sent).size).toBe(4);
      expect(adapter.enginePriority(0)).toBe(capabilities.sendsZeroPriority ? 0 : undefined);
    });

    it('are what the table of engines says', () => {
      expect(adapter.tokenIdsField ?? null).toBe(capabilities.tokenIdsField);
      expect(adapter.retentionField ?? null).toBe(capabilities.retentionField);
      expect(adapter.metrics).toEqual(capabilities.metrics);
    });

    it('are read from its own metrics', () => {
      expect(parseMetrics(metrics, adapter.metrics)).toEqual({ running: 3, waiting: 2, kvUsage: 0.25 });
    });
  });
}
