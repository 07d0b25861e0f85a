/** The worker program's argv. */
import { parseArgs } from 'node:util';
import { DynamoError } from '../../../errors.js';
import type { EventEndpoints } from '../../../plan/types.js';

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

/** Throws `usage`. */
export function workerOptions(argv: string[]): WorkerOptions {
  const values = parsed(argv);
  const { model, events, replay } = values;
  if (model === undefined || model === '') throw usage('--model FILE is missing');
  if ((events === undefined) !== (replay === undefined)) throw usage('--events and --replay go together');
  return {
    modelPath: model,
    modelSha256: values['model-sha256'] ?? null,
    names: values['served-name'] ?? ['model'],
    host: values.host,
    port: wholeNumber('port', values.port, 0, 65_535),
    contextTokens: wholeNumber('context', values.context, 1, 2 ** 30),
    slots: wholeNumber('slots', values.slots, 1, 256),
    events: events === undefined || replay === undefined ? null : { events, replay, topic: values.topic },
    tiers: tiersOf(values),
  };
}

function tiersOf(values: ReturnType<typeof parsed>): WorkerTiers | null {
  const { 'tier-cpu': cpuDir, 'tier-disk': diskDir, 'tier-remote': remoteUrl, worker } = values;
  if (cpuDir === undefined && diskDir === undefined && remoteUrl === undefined) return null;
  const places = {
    ...(cpuDir === undefined ? {} : { cpuDir }),
    ...(diskDir === undefined ? {} : { diskDir }),
    ...(remoteUrl === undefined ? {} : { remoteUrl }),
  };
  return { ...places, reports: values['page-reports'] ?? null, worker };
}

function parsed(args: string[]) {
  try {
    return parseArgs({ args, options: OPTIONS }).values;
  } catch (error) {
    throw usage(error instanceof Error ? error.message : String(error));
  }
}

function wholeNumber(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= min && value <= max) return value;
  throw usage(`--${name} must be a whole number from ${min} to ${max}, not ${JSON.stringify(text)}`);
}

function usage(detail: string): DynamoError {
  const remedy = 'main.js --model FILE [--served-name NAME] [--port PORT] [--context TOKENS] [--slots N]';
  return new DynamoError('usage', { detail, remedy });
}
