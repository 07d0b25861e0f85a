/** A plan as `dynamo plan` prints it: what, why, how much memory, and the exact commands. Pure. */
import { capabilityText } from '../engines/capabilities.js';
import { describeGpus } from './place-gpus.js';
import type { HostSnapshot, ModelRef, Plan, WorkerPlan } from './types.js';
import { formatBytes, formatCount } from './units.js';

export function planText(plan: Plan, host?: HostSnapshot): string {
  const head = [
    ...(host === undefined ? [] : [`host      ${hostText(host)}`]),
    `recipe    ${plan.recipe}: ${plan.title}`,
    ...(plan.simulation === undefined
      ? []
      : [`SIMULATED ${plan.simulation.hardware} a worker, speed ${plan.simulation.speed}`]),
    `variant   ${plan.variant} on ${plan.engine}${plan.minEngineVersion ? ` ${plan.minEngineVersion} or newer` : ''}`,
    ...(plan.engine === 'external' ? [] : [`engine    ${capabilityText(plan.engine)}`]),
    `model     ${modelText(plan.model)}, served as ${plan.servedModel}`,
    `context   ${formatCount(plan.contextTokens)} tokens, blocks of ${plan.blockTokens}`,
  ];
  return [
    ...head,
    '',
    'why',
    ...plan.reasons.map((reason) => `  ${reason}`),
    '',
    'memory',
    ...plan.notes.map((note) => `  ${note}`),
    ...plan.workers.flatMap((worker) => ['', ...workerText(worker)]),
  ].join('\n');
}

/** `linux x64, 2 CPUs (AMD EPYC), 23.4 GiB memory, no GPU`. */
export function hostText(host: HostSnapshot): string {
  const gpus = host.gpus.length === 0 ? 'no GPU' : describeGpus(host.gpus);
  const driver = host.driver === null ? '' : ` (driver ${host.driver})`;
  const memory = `${formatBytes(host.memoryBytes)} memory`;
  return `${host.platform} ${host.arch}, ${host.cpus} CPUs (${host.cpuModel}), ${memory}, ${gpus}${driver}`;
}

function modelText(model: ModelRef): string {
  if (model.kind === 'hub') return `${model.id} at ${model.revision}`;
  return `${model.path}${model.sha256 === null ? '' : ` (SHA-256 ${model.sha256.slice(0, 12)}…)`}`;
}

function workerText(worker: WorkerPlan): string[] {
  const gpus = worker.gpus.length === 0 ? '' : ` on GPU ${worker.gpus.join(', ')}`;
  const blocks = worker.kvBlocks === null ? '' : `, about ${formatCount(worker.kvBlocks)} KV blocks`;
  const slots = worker.slots === undefined ? '' : `, ${worker.slots} slots`;
  const env = Object.entries(worker.env).map(([name, value]) => `  ${name}=${shellQuote(value)} \\`);
  return [`worker ${worker.id}${gpus}${slots}${blocks}`, ...env, ...commandLines(worker)];
}

/** One flag with its value per line, ready to be pasted into a shell. */
function commandLines({ file, args }: WorkerPlan): string[] {
  const lines = [file];
  let hasFlags = false;
  let isFlagOpen = false;
  for (const arg of args) {
    const isFlag = arg.startsWith('--');
    if (isFlag) lines.push(arg);
    else if (isFlagOpen || !hasFlags) lines[lines.length - 1] += ` ${shellQuote(arg)}`;
    else lines.push(shellQuote(arg));
    isFlagOpen = isFlag;
    hasFlags ||= isFlag;
  }
  return lines.map(
    (line, index) => `  ${index === 0 ? '' : '  '}${line}${index === lines.length - 1 ? '' : ' \\'}`,
  );
}

/** As a POSIX shell reads it: plain where it can be, else in single quotes. */
export function shellQuote(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
