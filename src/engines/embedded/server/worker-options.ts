/** The worker program's argv. */
import type { EventEndpoints } from '../../../plan/types.js';
import { WorkerArgv } from '../../worker-argv.js';

export interface WorkerOptions {
  modelPath: string;
  /** Hex; null = to be computed. */
  modelSha256: string | null;
  /** Names the model answers to, at least one. */
  names: string[];
  host: string;
  port: number;
  contextTokens: number;
  slots: number;
  events: EventEndpoints | null;
  tiers: WorkerTiers | null;
}

export interface WorkerTiers {
  cpuDir?: string;
  diskDir?: string;
  remoteUrl?: string;
  /** Unix socket of the catalogue; null when the worker runs by itself. */
  reports: string | null;
  /** The worker's name there. */
  worker: string;
}

const OPTIONS = {
  model: { type: 'string' },
  'model-sha256': { type: 'string' },
  'served-name': { type: 'string', multiple: true },
  host: { type: 'string', default: '127.0.0.1' },
  port: { type: 'string', default: '0' },
  context: { type: 'string', default: '8192' },
  slots: { type: 'string', default: '4' },
  events: { type: 'string' },
  replay: { type: 'string' },
  topic: { type: 'string', default: '' },
  'tier-cpu': { type: 'string' },
  'tier-disk': { type: 'string' },
  'tier-remote': { type: 'string' },
  'page-reports': { type: 'string' },
  worker: { type: 'string', default: 'w0' },
} as const;

const reader = new WorkerArgv(
  'main.js --model FILE [--served-name NAME] [--port PORT] [--context TOKENS] [--slots N]',
);

/** Throws `usage`. */
export function workerOptions(argv: string[]): WorkerOptions {
  const values = reader.parse(argv, OPTIONS);
  const { model } = values;
  if (model === undefined || model === '') throw reader.wrong('--model FILE is missing');
  return {
    modelPath: model,
    modelSha256: values['model-sha256'] ?? null,
    names: values['served-name'] ?? ['model'],
    host: values.host,
    port: reader.wholeNumber('port', values.port, 0, 65_535),
    contextTokens: reader.wholeNumber('context', values.context, 1, 2 ** 30),
    slots: reader.wholeNumber('slots', values.slots, 1, 256),
    events: reader.endpoints(values),
    tiers: tiersOf(values),
  };
}

type TierValues = Pick<
  ReturnType<typeof reader.parse<typeof OPTIONS>>,
  'tier-cpu' | 'tier-disk' | 'tier-remote' | 'page-reports' | 'worker'
>;

function tiersOf(values: TierValues): WorkerTiers | null {
  const { 'tier-cpu': cpuDir, 'tier-disk': diskDir, 'tier-remote': remoteUrl, worker } = values;
  if (cpuDir === undefined && diskDir === undefined && remoteUrl === undefined) return null;
  const places = {
    ...(cpuDir === undefined ? {} : { cpuDir }),
    ...(diskDir === undefined ? {} : { diskDir }),
    ...(remoteUrl === undefined ? {} : { remoteUrl }),
  };
  return { ...places, reports: values['page-reports'] ?? null, worker };
}
