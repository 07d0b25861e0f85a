/** The embedded engine as the supervisor sees it. */
import { access, constants } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { recordsDir, verifyModel } from '../../model/verify.js';
import type { Plan, WorkerPlan } from '../../plan/types.js';
import { capabilitiesOf, priorityFor } from '../capabilities.js';
import type { EngineAdapter, Phase } from '../types.js';
import { requantizeIfNeeded } from './core/requantize.js';
import { classifyExit } from './exit-cause.js';
import { KEY_VARIABLE } from './server/worker-key.js';
import { CONTINUATION, TOKEN_IDS_FIELD, WARM_FIELD } from './types.js';

const SLOTS_DEFAULT = 4;

export const embeddedAdapter: EngineAdapter = {
  name: 'embedded',
  healthPath: '/health',
  keyVariable: KEY_VARIABLE,
  tokenIdsField: TOKEN_IDS_FIELD,
  continuation: CONTINUATION,
  retentionField: 'kv_retention',
  warmField: WARM_FIELD,
  readyTimeoutMs: 60_000,
  metrics: capabilitiesOf('embedded').metrics,
  prepare,
  command,
  phaseOf,
  classify: classifyExit,
  enginePriority: (priority) => priorityFor('embedded', priority),
};

/** Checksum, and the conversion to a faster tensor type where the recipe asks for it: the plan then names that file. */
async function prepare(plan: Plan, report: (phase: Phase) => void): Promise<Plan> {
  if (plan.model.kind !== 'gguf') return plan;
  const { path: source, sha256: expected, name } = plan.model;
  const dir = path.dirname(source);
  report({ name: 'checksum', progress: null });
  const sha256 = await verifyModel(source, { recordsDir: recordsDir(dir), expected, name });
  const isConverted = plan.requantize === 'q8_0' && (await isWritable(dir));
  const file = isConverted ? await requantizeIfNeeded(source, dir, report) : { path: source, sha256 };
  return { ...plan, model: { ...plan.model, ...file }, requantize: null };
}

/** A user's own file may lie in a folder nobody may write to: it is then used as it is. */
async function isWritable(dir: string): Promise<boolean> {
  return access(dir, constants.W_OK).then(
    () => true,
    () => false,
  );
}

/** Of a plan that was not prepared (`dynamo plan` prints one) the argv names the recipe's own file. */
function command({ model, ...plan }: Plan, worker: WorkerPlan): ReturnType<EngineAdapter['command']> {
  const source = model.kind === 'gguf' ? model.path : model.id;
  const sha256 = model.kind === 'gguf' ? model.sha256 : null;
  const { events } = worker;
  const args = [
    fileURLToPath(new URL('./main.js', import.meta.url)),
    ...['--model', source],
    ...(sha256 === null ? [] : ['--model-sha256', sha256]),
    ...[plan.servedModel, ...plan.aliases].flatMap((name) => ['--served-name', name]),
    ...['--host', worker.host, '--port', String(worker.port)],
    ...['--context', String(worker.contextTokens), '--slots', String(worker.slots ?? SLOTS_DEFAULT)],
    ...(events === null
      ? []
      : ['--events', events.events, '--replay', events.replay, '--topic', events.topic]),
    ...(plan.tiers ?? []).flatMap(({ name, at }) => (at === null ? [] : [`--tier-${name}`, at])),
    ...(plan.pageReports ? ['--page-reports', plan.pageReports, '--worker', worker.id] : []),
  ];
  return { file: process.execPath, args, env: {} };
}

function phaseOf(line: string): Phase | null {
  const name = /^phase (\w+)/.exec(line)?.[1];
  return name === undefined ? null : { name, progress: null };
}
