/** The simulated worker's argv. */
import { parseArgs } from 'node:util';
import { DynamoError } from '../../errors.js';
import type { EventEndpoints } from '../../plan/types.js';
import type { RooflineFacts } from './timing.js';

export interface SimulatedWorkerOptions {
  names: string[];
  host: string;
  port: number;
  contextTokens: number;
  blocks: number;
  blockTokens: number;
  events: EventEndpoints | null;
  facts: RooflineFacts;
  speed: number;
  answerTokens: number;
  passTokens: number | undefined;
  maxRunning: number | undefined;
  /** What is pretended, for the log. */
  hardware: string;
}

const OPTIONS = {
  'served-name': { type: 'string', multiple: true },
  host: { type: 'string', default: '127.0.0.1' },
  port: { type: 'string', default: '0' },
  context: { type: 'string', default: '8192' },
  blocks: { type: 'string' },
  'block-tokens': { type: 'string', default: '64' },
  events: { type: 'string' },
  replay: { type: 'string' },
  topic: { type: 'string', default: '' },
  facts: { type: 'string' },
  speed: { type: 'string', default: '1' },
  'answer-tokens': { type: 'string', default: '128' },
  'pass-tokens': { type: 'string' },
  'max-running': { type: 'string' },
  hardware: { type: 'string', default: 'unknown hardware' },
} as const;

const BLOCKS_MAX = 16_000_000;
const TOKENS_MAX = 2 ** 30;

/** Throws `usage`. */
export function simulatedWorkerOptions(argv: string[]): SimulatedWorkerOptions {
  const values = parsed(argv);
  const { events, replay } = values;
  if ((events === undefined) !== (replay === undefined)) throw usage('--events and --replay go together');
  const optional = (name: string, text: string | undefined) =>
    text === undefined ? undefined : wholeNumber(name, text, 1, TOKENS_MAX);
  return {
    names: values['served-name'] ?? ['model'],
    host: values.host,
    port: wholeNumber('port', values.port, 0, 65_535),
    contextTokens: wholeNumber('context', values.context, 1, TOKENS_MAX),
    blocks: wholeNumber('blocks', values.blocks ?? '', 1, BLOCKS_MAX),
    blockTokens: wholeNumber('block-tokens', values['block-tokens'], 1, 4_096),
    events: events === undefined || replay === undefined ? null : { events, replay, topic: values.topic },
    facts: factsOf(values.facts ?? ''),
    speed: number('speed', values.speed),
    answerTokens: wholeNumber('answer-tokens', values['answer-tokens'], 1, TOKENS_MAX),
    passTokens: optional('pass-tokens', values['pass-tokens']),
    maxRunning: optional('max-running', values['max-running']),
    hardware: values.hardware,
  };
}

const FACTS = [
  'activeParameters',
  'weightBytes',
  'activeWeightBytes',
  'kvBytesPerToken',
  'bytesPerSecond',
  'flopsPerSecond',
] as const satisfies readonly (keyof RooflineFacts)[];

function factsOf(text: string): RooflineFacts {
  const parts = text.split(',').map((part) => part.split('='));
  const given = new Map(parts.map(([name = '', value = '']) => [name, value]));
  return Object.fromEntries(
    FACTS.map((name) => [name, number(`facts ${name}`, given.get(name) ?? '')]),
  ) as unknown as RooflineFacts;
}

/** The facts as `--facts` takes them. */
export function factsText(facts: RooflineFacts): string {
  return FACTS.map((name) => `${name}=${facts[name]}`).join(',');
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

function number(name: string, text: string): number {
  const value = Number(text);
  if (text !== '' && Number.isFinite(value) && value >= 0) return value;
  throw usage(`--${name} must be a number of 0 or more, not ${JSON.stringify(text)}`);
}

function usage(detail: string): DynamoError {
  return new DynamoError('usage', {
    detail: `${detail}.`,
    remedy: 'It is started by `dynamo up --simulate`.',
  });
}
