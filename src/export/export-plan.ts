/** One plan for one of the tools that run it on more than one machine. Pure. */
import type { Plan } from '../plan/types.js';
import { composeFile } from './compose.js';
import { dynamoGraph } from './dynamo.js';
import { llmDValues } from './llm-d.js';
import type { Exported, ExportTarget } from './types.js';
import { vllmDeployment } from './vllm-deployment.js';

/** Throws `usage` for a plan that has nothing to export. `image` replaces the pinned release of the workers. */
export function exportPlan(plan: Plan, target: ExportTarget, image?: string): Exported {
  const deployment = vllmDeployment(plan);
  if (target === 'dynamo') return dynamoGraph(deployment, { image, parsers: plan.parsers });
  return target === 'llm-d' ? llmDValues(deployment, image) : composeFile(deployment, image);
}
