/** Traces × routers → reports: what `dynamo replay` does. */
import type { Policy } from '../router/types.js';
import type { ReplayConfig, Retention } from './config.js';
import { fairnessOf } from './fairness.js';
import { figuresOf } from './metrics.js';
import type { ReplayReport } from './report-text.js';
import { runReplay } from './run.js';
import type { Workload } from './types.js';

export interface ReplayPlan {
  workload: Workload;
  files: string[];
  /** One run each; a policy that learns starts anew. */
  policies: { name: string; make(): Policy; retention: Retention; enginePriorities: boolean }[];
  config: Omit<ReplayConfig, 'policy' | 'retention' | 'enginePriorities'>;
  recipe: string | null;
  /** What the timing stands for, in words. */
  hardware: string;
  /** Turns done of all turns of all runs. */
  progress(done: number, of: number): void;
}

export async function replay(plan: ReplayPlan): Promise<ReplayReport[]> {
  const { workload, config, policies } = plan;
  const of = workload.turns.length * policies.length;
  const reports: ReplayReport[] = [];
  for (const [n, { name, make, retention, enginePriorities }] of policies.entries()) {
    const own: ReplayConfig = { ...config, policy: make(), retention, enginePriorities };
    const before = n * workload.turns.length;
    const run = await runReplay(workload, own, (done) => plan.progress(before + done, of));
    reports.push({
      ...figuresOf(workload, run),
      fairness: fairnessOf(workload, run.samples, own),
      config: {
        workers: config.workers,
        blocks: config.blocks,
        tierBlocks: config.tier?.blocks ?? 0,
        blockSize: workload.blockTokens,
        router: name,
        retention,
        workerSpeed: config.slowness?.map((factor) => 1 / factor) ?? null,
        seed: config.seed,
        recipe: plan.recipe,
        hardware: plan.hardware,
      },
      trace: {
        format: workload.format,
        files: plan.files,
        uniqueBlocks: workload.uniqueBlocks,
        notes: workload.notes,
      },
    });
  }
  return reports;
}
